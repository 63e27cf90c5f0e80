"""pytest-benchmark: its clock is found, and stays the real one."""

from __future__ import annotations

import pytest

from tests.integration.sources import RACE

pytest.importorskip("pytest_benchmark")


def test_it_measures_what_is_not_marked(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        RACE
        + """
    def test_speed(benchmark):
        assert benchmark(lambda: 1) == 1
        assert benchmark.stats["min"] > 0
"""
    )
    result = pytester.runpytest_subprocess(
        *("-p", "pytest_benchmark.plugin", "--benchmark-max-time=0.05", "--benchmark-min-rounds=1")
    )
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["race *::test_bad: interleaving *"])
