"""POS: priorities belong to operations, and are drawn again for those that lost a race."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pytest_racecheck.strategy.pos import Pos
from tests.strategy.players import Scripted, make_ready, make_threads

if TYPE_CHECKING:
    from pytest_racecheck.engine.thread import ControlledThread
    from tests.conftest import Engine


def about_to_take(thread: ControlledThread, lock: object) -> ControlledThread:
    thread.ops += 1
    thread.kind = "acquire"
    thread.resource = lock
    return thread


def test_the_operation_with_the_highest_priority_goes_first() -> None:
    threads = make_threads(3)
    pos = Pos(Scripted([0.2, 0.7, 0.3]))
    pos.begin()
    assert pos.choose(make_ready(threads), threads[0], True) is threads[1]


def test_those_that_lose_a_race_draw_again_and_the_others_do_not() -> None:
    one, other = object(), object()
    first, rival, stranger = make_threads(3)
    for thread, lock in ((first, one), (rival, one), (stranger, other)):
        about_to_take(thread, lock)
    pos = Pos(Scripted([0.9, 0.8, 0.5, 0.1]))
    pos.begin()
    assert pos.choose(make_ready([first, rival, stranger]), first, True) is first
    assert (rival.priority, stranger.priority) == (0.1, 0.5)


def test_the_next_operation_of_a_thread_has_a_priority_of_its_own() -> None:
    first, second = make_threads(2)
    ready = make_ready([about_to_take(first, object()), about_to_take(second, object())])
    pos = Pos(Scripted([0.9, 0.5, 0.4]))
    pos.begin()
    assert pos.choose(ready, first, True) is first
    about_to_take(first, object())
    assert pos.choose(ready, first, True) is second
    assert first.priority == 0.4


def test_a_thread_that_polls_comes_last_with_what_it_would_do_next() -> None:
    first, second = make_threads(2)
    pos = Pos(Scripted([0.001]))
    pos.begin()
    pos.gave_way(first)
    assert pos.choose(make_ready([first, second]), first, True) is second


def test_all_orders_of_dependent_operations_come_up(engine: Engine) -> None:
    def body() -> str:
        done: list[str] = []
        engine.together(lambda: done.append("a"), lambda: done.append("b"), lambda: done.append("c"))
        return "".join(done)

    seen = Counter(engine.passes(body, strategy="pos", interleavings=300))
    assert len(seen) == 6
    assert min(seen.values()) >= 10
