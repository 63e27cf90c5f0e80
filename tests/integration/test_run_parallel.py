"""pytest-run-parallel: it runs tests in threads of its own; both at once would make no sense, and is refused."""

from __future__ import annotations

import pytest

from tests.integration.sources import RACE

pytest.importorskip("pytest_run_parallel")


def test_it_is_refused_where_tests_are_marked(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(RACE)
    plugin = ("-p", "pytest_run_parallel.plugin")
    result = pytester.runpytest(*plugin, "--parallel-threads=2")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: racecheck and --parallel-threads (pytest-run-parallel) can't be used together"]
    )
    pytester.runpytest(*plugin, "--parallel-threads=2", "-k", "plain").assert_outcomes(passed=1, deselected=2)
    pytester.runpytest(*plugin).assert_outcomes(passed=2, failed=1)
    result = pytester.runpytest(*plugin, "--iterations=2")
    result.stderr.fnmatch_lines(["ERROR: racecheck and --iterations (pytest-run-parallel) can't be used together"])


def test_its_markers_are_refused_on_a_marked_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        RACE
        + """
    @pytest.mark.race
    @pytest.mark.parallel_threads(2)
    def test_parallel(): pass

    @pytest.mark.race
    @pytest.mark.iterations(3)
    def test_often(): pass

    @pytest.mark.race
    @pytest.mark.parallel_threads(1)
    def test_once(): pass
        """
    )
    result = pytester.runpytest("-p", "pytest_run_parallel.plugin", "-W", "ignore::DeprecationWarning")
    result.assert_outcomes(passed=3, failed=1, errors=2)
    for name in ("parallel_threads", "iterations"):
        result.stdout.fnmatch_lines([f"marker race: the marker {name} of pytest-run-parallel can't be used *"])
