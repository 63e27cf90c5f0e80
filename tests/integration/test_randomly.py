"""pytest-randomly: the order of tests makes no difference, and its seed is ours unless we are given one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.sources import RACE

pytest.importorskip("pytest_randomly")


def test_the_order_of_tests_makes_no_difference(
    pytester: pytest.Pytester, results: Callable[[], dict[str, Any]]
) -> None:
    pytester.makepyfile(RACE)
    reports = []
    for seed in (1, 2):
        result = pytester.runpytest_subprocess(
            *("-p", "pytest_randomly", f"--randomly-seed={seed}"), "--racecheck-seed=3", "--racecheck-json=out.json"
        )
        result.assert_outcomes(passed=2, failed=1)
        reports.append(results())
    assert reports[0] == reports[1]
    result = pytester.runpytest_subprocess("-p", "pytest_randomly", "--randomly-seed=7", "-k", "good")
    result.stdout.fnmatch_lines(["racecheck *: strategy auto, 200 interleavings, seed 7"])
