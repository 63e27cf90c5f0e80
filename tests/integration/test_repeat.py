"""pytest-repeat: each repetition is explored alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.sources import RACE

pytest.importorskip("pytest_repeat")


def test_each_repetition_is_explored_alike(pytester: pytest.Pytester, results: Callable[[], dict[str, Any]]) -> None:
    pytester.makepyfile(RACE)
    result = pytester.runpytest("-p", "pytest_repeat", "--count=3", "-k", "bad", "--racecheck-json=out.json")
    result.assert_outcomes(failed=3, deselected=6)
    assert [test["verdict"] for test in results().values()] == ["race"] * 3
