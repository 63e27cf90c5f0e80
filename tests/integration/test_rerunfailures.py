"""pytest-rerunfailures: marked tests are not run again because they failed; that would hide races."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.sources import RACE

pytest.importorskip("pytest_rerunfailures")

FLAKY = """
    @pytest.mark.race
    @pytest.mark.flaky(reruns=5)
    def test_flaky_and_bad():
        assert False

    runs = []

    def test_third_time():
        runs.append(1)
        assert len(runs) == 3

    def test_for_good():
        assert False
"""


def test_it_runs_again_only_what_is_not_marked(
    pytester: pytest.Pytester, results: Callable[[], dict[str, Any]]
) -> None:
    pytester.makepyfile(RACE + FLAKY)
    result = pytester.runpytest_subprocess("-p", "pytest_rerunfailures", "--reruns=2", "--racecheck-json=out.json")
    result.assert_outcomes(passed=3, failed=3)
    assert result.parseoutcomes()["rerun"] == 4, "two of each plain test"
    found = results()
    assert {name: test["verdict"] for name, test in found.items()} == {
        "test_bad": "race",
        "test_good": found["test_good"]["verdict"],
        "test_flaky_and_bad": "serial-failure",
    }
