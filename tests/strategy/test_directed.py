"""Directed search drives straight at what the runs before have shown."""

from __future__ import annotations

import threading
from random import Random
from typing import TYPE_CHECKING

import pytest

from pytest_racecheck import strategy
from pytest_racecheck.strategy.directed import Directed
from pytest_racecheck.strategy.suspects import Flip, Hold
from tests.strategy.players import make_threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Engine


class Pair:
    def __init__(self) -> None:
        self.a = 0
        self.b = 0

    def set(self) -> None:
        self.a = 1
        self.b = -1

    def check(self) -> None:
        assert (self.a, self.b) in ((0, 0), (1, -1))


class Buffer:
    """Its length and its items are read in two critical sections."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.items = [1, 2, 3]

    def clear_and_fill(self) -> None:
        with self.lock:
            self.items = []
        with self.lock:
            self.items = [4, 5, 6]

    def last(self) -> int:
        with self.lock:
            length = len(self.items)
        with self.lock:
            return self.items[length - 1]


def ring_of_locks(engine: Engine, gate: threading.Lock | None = None) -> None:
    """Each of four threads takes its own lock, then the next one's, at another place in the code than all others."""
    a, b, c, d = (threading.Lock() for _ in range(4))

    def first() -> None:
        with a, b:
            pass

    def second() -> None:
        with b, c:
            pass

    def third() -> None:
        with c, d:
            pass

    def fourth() -> None:
        with d, a:
            pass

    def behind(gate: threading.Lock, work: Callable[[], None]) -> Callable[[], None]:
        def go() -> None:
            with gate:
                work()

        return go

    works = (first, second, third, fourth)
    engine.together(*(works if gate is None else [behind(gate, work) for work in works]))


def explored(engine: Engine, monkeypatch: pytest.MonkeyPatch, body: Callable[[], object]) -> Directed:
    directed = Directed(Random(1))
    monkeypatch.setattr(strategy, "create", lambda *_: directed)
    engine.passes(body)
    return directed


@pytest.mark.parametrize("seed", range(3))
def test_a_rare_order_among_many_threads_is_found_at_once(engine: Engine, seed: int) -> None:
    def body() -> None:
        pair = Pair()
        engine.together(*[pair.set] * 30, pair.check)

    result = engine.explore(body, strategy="directed", seed=seed, shrink=0.1).result
    assert result.verdict == "race"
    assert result.interleavings <= 20


@pytest.mark.parametrize("seed", range(5))
def test_a_critical_section_is_driven_between_two_others(engine: Engine, seed: int) -> None:
    def body() -> None:
        buffer = Buffer()
        engine.together(buffer.last, buffer.clear_and_fill)

    result = engine.explore(body, strategy="directed", seed=seed, shrink=0.1).result
    assert result.verdict == "race"
    assert result.interleavings <= 20


@pytest.mark.parametrize("seed", range(5))
def test_a_ring_of_locks_is_closed_in_the_first_run_that_knows_it(engine: Engine, seed: int) -> None:
    result = engine.explore(lambda: ring_of_locks(engine), strategy="directed", seed=seed, shrink=0.1).result
    assert result.verdict == "deadlock"
    assert result.interleavings == 3  # the serial one, one that looks, one that holds


def test_a_ring_of_locks_behind_one_gate_is_no_suspect(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    directed = explored(engine, monkeypatch, lambda: ring_of_locks(engine, threading.Lock()))
    holds = [suspect for suspect in directed._suspects._given if isinstance(suspect, Hold)]
    assert all(len(hold.places) == 1 for hold in holds)


def test_there_is_nothing_to_suspect_where_all_is_locked_or_joined(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = threading.Lock()

    def body() -> None:
        pair = Pair()

        def work() -> None:
            with lock:
                pair.a += 1

        engine.together(work, work)
        pair.a += 1
        pair.b += 1

    given = explored(engine, monkeypatch, body)._suspects._given
    # One place, where both take the lock: all of them there, each of them, and the two in turns.
    places = {place for each in given for place in (each if isinstance(each, Flip) else each.places)}
    assert len(places) == 1
    assert len(given) == 4


def test_a_thread_that_waits_for_a_held_one_ends_the_hold() -> None:
    directed = Directed(Random(1))
    first, second = make_threads(2)
    hold = Hold(frozenset(("somewhere",)), None)
    directed._begin([hold])
    directed._held = {first: hold}
    directed.gave_way(second)
    assert not directed._held
    assert not directed._pursued
    assert second.priority < 0
