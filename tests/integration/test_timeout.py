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
