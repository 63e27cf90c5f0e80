"""The run before all others: every thread gets its share, and what they touch is known early."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from pytest_racecheck.engine.confirmation import Confirmation
from pytest_racecheck.strategy.suspects import Suspects
from pytest_racecheck.strategy.turns import Turns
from tests.strategy.players import make_ready, make_threads

if TYPE_CHECKING:
    from tests.conftest import Engine


def turns() -> Turns:
    chosen = Turns(Suspects(random.Random(1)))
    chosen.begin()
    return chosen


def test_who_came_to_the_fewest_accesses_goes_on_but_the_main_thread_before_all() -> None:
    main, one, two = make_threads(3)
    chosen = turns()
    for thread in (main, one, two):
        thread.kind = "read"
    assert chosen.choose(make_ready([one, two]), one, True) is two
    assert chosen.choose(make_ready([one, two]), two, True) is one
    assert chosen.choose(make_ready([one, two]), one, True) is two
    assert chosen.choose(make_ready([main, one, two]), two, True) is main
    assert chosen.choose(make_ready([main, one, two]), main, True) is main


def test_locks_are_no_reason_to_switch() -> None:
    _, one, two = make_threads(3)
    chosen = turns()
    one.kind = "acquire"
    assert chosen.choose(make_ready([one, two]), one, True) is one
    assert chosen.choose(make_ready([two]), one, False) is two


def test_a_thread_with_very_many_accesses_goes_on() -> None:
    _, one, two = make_threads(3)
    chosen = turns()
    one.kind = "read"
    ready = make_ready([one, two])
    found = [chosen.choose(ready, one, True) for _ in range(1_002)]
    assert found[0] is two
    assert found[-1] is one


def total(engine: Engine) -> None:
    count = [0]

    def add() -> None:
        count[0] += 1

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(add) for _ in range(3)]:
            future.result()
    assert count == [3]


@pytest.mark.parametrize("seed", range(3))
def test_the_workers_of_a_pool_meet_at_once(engine: Engine, seed: int) -> None:
    """In the serial schedule, one of them does everything."""
    explored = engine.explore(lambda: total(engine), interleavings=2, seed=seed)
    assert explored.verdict == "race"
    assert explored.result.first_failure == 1
    assert explored.failure.reproduced == (10, 10)
    assert len(explored.failure.preemptions) == 1
    assert engine.explore(lambda: total(engine), replay=explored.failure.token).verdict == "race"


def test_two_threads_need_no_look(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def body() -> None:
        count = [0]
        thread = threading.Thread(target=lambda: count.append(1))
        thread.start()
        count.append(2)
        thread.join()
        assert sorted(count) == [0, 1, 2]

    monkeypatch.setattr(Turns, "begin", lambda _: pytest.fail("there was one"))
    assert engine.explore(body, interleavings=200).verdict == "proved"


def test_what_no_other_run_shows_is_a_failure_all_the_same(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Confirmation, "replay_late", lambda *_: None)
    explored = engine.explore(lambda: total(engine), interleavings=2, shrink=0.1)
    assert explored.verdict == "race"
    assert explored.result.first_failure == 1
    assert explored.failure.reproduced == (10, 10)
    assert engine.explore(lambda: total(engine), replay=explored.failure.token).verdict == "race"


def test_what_it_passes_is_no_choice_in_the_search(engine: Engine) -> None:
    """A run in which every access counts has its end sooner, which says nothing of the others."""

    def body() -> None:
        lock = threading.Lock()

        def work() -> None:
            own = [0]
            for _ in range(100):
                own[0] += 1
            with lock:
                pass

        engine.together(work, work)

    explored = engine.explore(body, interleavings=200, max_points=100)
    assert (explored.verdict, explored.result.distinct, explored.result.notes) == ("proved", 2, [])
