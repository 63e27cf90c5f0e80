"""The model survives its way through JSON, and refuses what it can't be made of."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_racecheck.report.model import Failure, TestResult


def example() -> dict[str, Any]:
    return TestResult(
        "test_a.py::test", "race", "pct", 0, 200, 3, 3, False, 2, 0.5, 6.0, Failure("race", "E", "m", "t")
    ).to_json()


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.builds(TestResult, seconds=finite, per_second=finite))
def test_json_and_back_is_the_same(result: TestResult) -> None:
    text = json.dumps(result.to_json())
    assert TestResult.from_json(json.loads(text)) == result


def test_json_has_the_names_of_the_design() -> None:
    data = example()
    assert {
        "nodeid", "verdict", "strategy", "seed", "requested", "interleavings", "distinct", "exhaustive",
        "first_failure", "seconds", "per_second", "failure",
    } <= data.keys()  # fmt: skip
    assert {
        "kind", "exception", "message", "token", "reproduced", "under_gil", "preemptions", "threads", "steps",
        "data_races",
    } <= data["failure"].keys()  # fmt: skip
    assert data["failure"]["reproduced"] == [0, 0]


def test_fields_of_newer_versions_are_ignored() -> None:
    data = example() | {"added_later": 1}
    data["failure"]["added_too"] = [1]
    assert TestResult.from_json(data).to_json() == example()


def test_fields_with_a_default_may_be_missing() -> None:
    data = example()
    del data["outcomes"]
    del data["failure"]["steps"]
    assert TestResult.from_json(data).to_json() == example()


def test_whole_numbers_do_for_seconds() -> None:
    assert TestResult.from_json(example() | {"seconds": 1}).seconds == 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": "1"}, "test.seed: int expected, not str"),
        ({"exhaustive": 1}, "test.exhaustive: bool expected, not int"),
        ({"verdict": "fine"}, "test.verdict: one of passed, proved, .* expected, not 'fine'"),
        ({"outcomes": [["a"]]}, r"test.outcomes\[0\]: 2 items expected, not 1"),
        ({"outcomes": [["a", 1], ["b", None]]}, r"test.outcomes\[1\]\[1\]: int expected, not NoneType"),
        ({"failure": []}, "test.failure: dict expected, not list"),
        ({"failure": {}}, "test.failure.kind is missing"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        TestResult.from_json(example() | change)


def test_missing_field_is_named() -> None:
    data = example()
    del data["seed"]
    with pytest.raises(ValueError, match=r"^test\.seed is missing$"):
        TestResult.from_json(data)
