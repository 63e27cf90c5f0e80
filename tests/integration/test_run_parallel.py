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
