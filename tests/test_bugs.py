"""The programs by which schedulers are compared: the default strategy finds each bug within 200 interleavings."""

from __future__ import annotations

import pytest

from benchmarks.bugs.__main__ import cell, markdown
from benchmarks.bugs.catalogue import BUGS, SAFE_STACK, Bug
from benchmarks.bugs.search import Found, search


@pytest.mark.parametrize("bug", [pytest.param(bug, id=bug.title) for bug in BUGS])
def test_the_bug_is_found(bug: Bug) -> None:
    for seed in range(3):
        found = search(bug, "auto", seed).interleavings
        assert found is not None
        assert 1 < found <= 200


@pytest.mark.parametrize("strategy", ["surw", "directed"])
def test_others_find_what_they_are_for(strategy: str) -> None:
    (bug,) = (bug for bug in BUGS if bug.title == "reorder 9+1")
    assert search(bug, strategy, 0).interleavings is not None


def test_what_is_not_found_is_said() -> None:
    assert search(SAFE_STACK, "random", 0, budget=5).interleavings is None


def test_the_table_says_how_many_seeds_failed() -> None:
    assert cell([Found(2, 9), Found(5, 9)]) == "3.5"
    assert cell([Found(2, 9), Found(None, 9)]) == "2.0 in 1 of 2"
    assert cell([Found(None, 9)]) == "none"
    assert markdown([["a", "b"], ["1", "2"]]) == "| a | b |\n|---|---|\n| 1 | 2 |"
