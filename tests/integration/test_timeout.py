"""pytest-timeout: its time limit holds for the whole test, racecheck's own for one interleaving."""

from __future__ import annotations

import pytest

from tests.integration.sources import RACE

pytest.importorskip("pytest_timeout")


def test_its_limit_is_not_in_the_way(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(RACE)
    for method in ("signal", "thread"):
        result = pytester.runpytest_subprocess("-p", "pytest_timeout", "--timeout=60", f"--timeout-method={method}")
        result.assert_outcomes(passed=2, failed=1)
        result.stdout.fnmatch_lines(["race *::test_bad: interleaving *"])


def test_a_test_that_was_timed_out_is_not_run_again(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import os
        from pathlib import Path

        import pytest

        @pytest.mark.race(timeout=60)
        @pytest.mark.timeout(1)
        def test_it():
            with Path("runs").open("a") as runs:
                runs.write("x")
            os.read(os.pipe()[0], 1)
        """
    )
    pytester.runpytest_subprocess("-p", "racecheck", "-p", "pytest_timeout", timeout=30).assert_outcomes(failed=1)
    assert (pytester.path / "runs").read_text() == "x"
