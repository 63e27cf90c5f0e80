"""What there is nothing to search in, and interleavings that check nothing."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Engine


def test_a_test_without_threads_is_not_run_again_and_again(engine: Engine) -> None:
    explored = engine.explore(lambda: None)
    assert explored.result.warnings == ["starts no second thread: there is nothing to interleave"]
    assert explored.result.interleavings == 2
    assert engine.explore(lambda: None, strategy="random").result.interleavings == 30


def lost_update(engine: Engine) -> int:
    count = [0]

    def add() -> None:
        seen = count[0]
        count[0] = seen + 1

    engine.together(add, add)
    return count[0]


def test_an_interleaving_that_skips_ends_only_itself_and_is_told(engine: Engine) -> None:
    def body() -> None:
        if lost_update(engine) == 1:
            pytest.skip("one is lost")

    explored = engine.explore(body)
    assert explored.verdict == "passed"
    assert explored.result.interleavings == 30
    (warning,) = explored.result.warnings
    assert warning.startswith("skips itself in ")
    assert warning.endswith(" of 30 interleavings, where nothing is checked then: one is lost")


def test_what_fails_elsewhere_is_found_all_the_same(engine: Engine) -> None:
    runs: list[int] = []

    def body() -> None:
        runs.append(1)
        count = lost_update(engine)
        if len(runs) == 2:
            pytest.skip("the second time")
        assert count == 2

    assert engine.explore(body, interleavings=100).verdict == "race"


def test_a_test_that_skips_itself_at_once_is_skipped(engine: Engine) -> None:
    with pytest.raises(pytest.skip.Exception):
        engine.explore(lambda: pytest.skip("never"))


CACHE: dict[str, object] = {}


def cached(name: str) -> object:
    if name not in CACHE:
        CACHE[name] = object()
    return CACHE[name]


def test_with_the_state_put_back_the_race_is_found(engine: Engine) -> None:
    def body() -> None:
        CACHE.clear()
        found: list[object] = []
        engine.together(lambda: found.append(cached("a")), lambda: found.append(cached("a")))
        assert found[0] is found[1]

    assert engine.explore(body).verdict == "race"


def test_a_test_that_always_does_the_same_is_proved(engine: Engine) -> None:
    lock = threading.Lock()

    def body() -> None:
        kept: dict[str, int] = {}

        def work() -> None:
            with lock:
                kept["a"] = kept.get("a", 0) + 1

        engine.together(work, work)
        assert kept["a"] == 2

    explored = engine.explore(body)
    assert explored.verdict == "proved"
    assert explored.result.warnings == []
