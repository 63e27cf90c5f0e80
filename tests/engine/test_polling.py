"""Loops that only wait come to an end under every strategy, and under the serial schedule."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from pytest_racecheck.report.text import render_failure

if TYPE_CHECKING:
    from tests.conftest import Engine

Poll = Callable[["Engine"], None]


def until_flag_in_list(engine: Engine) -> None:
    flag: list[int] = []

    def wait() -> None:
        while not flag:
            pass

    engine.together(wait, lambda: flag.append(1))


def until_global(engine: Engine) -> None:
    class Shared:
        done = False

    def wait() -> None:
        while not Shared.done:
            pass

    def finish() -> None:
        Shared.done = True

    engine.together(wait, finish)


def until_event_is_set(engine: Engine) -> None:
    event = threading.Event()

    def wait() -> None:
        while not event.is_set():
            pass

    engine.together(wait, event.set)


def until_thread_has_ended(engine: Engine) -> None:
    thread = threading.Thread(target=lambda: time.sleep(3))
    thread.start()
    while thread.is_alive():
        pass
    thread.join()


def until_lock_is_free(engine: Engine) -> None:
    lock = threading.Lock()
    lock.acquire()

    def wait() -> None:
        while lock.locked():
            pass

    engine.together(wait, lock.release)


def until_lock_can_be_had(engine: Engine) -> None:
    lock = threading.Lock()
    lock.acquire()

    def wait() -> None:
        while not lock.acquire(blocking=False):
            pass
        lock.release()

    engine.together(wait, lock.release)


def until_lock_can_be_had_in_time(engine: Engine) -> None:
    lock = threading.RLock()
    done = threading.Event()

    def wait() -> None:
        while not lock.acquire(timeout=0.001):
            pass
        lock.release()

    def hold() -> None:
        with lock:
            thread.start()
            done.wait(1)

    thread = threading.Thread(target=wait)
    engine.together(hold)
    thread.join()


def until_queue_has_something(kind: type[Any]) -> Poll:
    def poll(engine: Engine) -> None:
        items = kind()

        def wait() -> None:
            while items.empty():
                pass
            assert items.get_nowait() == 1

        engine.together(wait, lambda: items.put(1))

    return poll


def until_get_nowait_succeeds(kind: type[Any]) -> Poll:
    def poll(engine: Engine) -> None:
        items = kind()

        def wait() -> None:
            while True:
                try:
                    assert items.get_nowait() == 1
                except queue.Empty:
                    continue
                break

        engine.together(wait, lambda: items.put(1))

    return poll


def until_the_clock_says_so(engine: Engine) -> None:
    def wait() -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            pass

    engine.together(wait, wait)


def until_the_clock_says_so_or_another_sleeper_is_done(engine: Engine) -> None:
    flag: list[int] = []

    def finish() -> None:
        time.sleep(5)
        flag.append(1)

    thread = threading.Thread(target=finish)
    thread.start()
    end = time.perf_counter() + 3600
    while not flag:
        assert time.perf_counter() < end
    thread.join()


def two_until_a_sleeper_is_done(engine: Engine) -> None:
    flag: list[int] = []

    def wait() -> None:
        while not flag:
            pass

    engine.together(wait, wait, lambda: time.sleep(1) or flag.append(1))  # type: ignore[func-returns-value]


def with_naps(engine: Engine) -> None:
    flag: list[int] = []

    def wait() -> None:
        while not flag:
            time.sleep(0.01)

    engine.together(wait, lambda: time.sleep(1) or flag.append(1))  # type: ignore[func-returns-value]


def with_yields(engine: Engine) -> None:
    flag: list[int] = []

    def wait() -> None:
        while not flag:
            time.sleep(0)

    engine.together(wait, wait, lambda: flag.append(1))


def in_turns(engine: Engine) -> None:
    turn = [0]

    def player(number: int) -> None:
        for _ in range(3):
            while turn[0] != number:
                pass
            turn[0] = (number + 1) % 3

    engine.together(*(lambda number=number: player(number) for number in range(3)))  # type: ignore[misc]


def with_a_counter(engine: Engine) -> None:
    """The loop writes, but only what is its own."""
    flag: list[int] = []

    def wait() -> None:
        turns = 0
        while not flag:
            turns += 1

    engine.together(wait, lambda: flag.append(1))


def until_two_locks_can_be_had(engine: Engine) -> None:
    """Each lets go of its own lock before it tries again: unless they keep step for ever, one of them gets both."""
    first, second = threading.Lock(), threading.Lock()

    def take(mine: threading.Lock, its: threading.Lock) -> None:
        mine.acquire()
        while not its.acquire(blocking=False):
            mine.release()
            mine.acquire()
        its.release()
        mine.release()

    def take_inside(mine: threading.Lock, its: threading.Lock) -> None:
        done = False
        while not done:
            with mine:
                done = its.acquire(blocking=False)
                if done:
                    its.release()

    for way in (take, take_inside):
        engine.together(lambda: way(first, second), lambda: way(second, first))  # noqa: B023 - called at once


POLLS = {
    "flag in a list": until_flag_in_list,
    "class attribute": until_global,
    "Event.is_set": until_event_is_set,
    "Thread.is_alive": until_thread_has_ended,
    "Lock.locked": until_lock_is_free,
    "Lock.acquire without blocking": until_lock_can_be_had,
    "RLock.acquire with a short time-out": until_lock_can_be_had_in_time,
    "Queue.empty": until_queue_has_something(queue.Queue),
    "SimpleQueue.empty": until_queue_has_something(queue.SimpleQueue),
    "Queue.get_nowait": until_get_nowait_succeeds(queue.Queue),
    "SimpleQueue.get_nowait": until_get_nowait_succeeds(queue.SimpleQueue),
    "clock": until_the_clock_says_so,
    "clock and flag": until_the_clock_says_so_or_another_sleeper_is_done,
    "two and a sleeper": two_until_a_sleeper_is_done,
    "naps": with_naps,
    "yields": with_yields,
    "in turns": in_turns,
    "a counter of its own": with_a_counter,
    "two locks": until_two_locks_can_be_had,
}


@pytest.mark.parametrize("strategy", ["random", "pct", "auto"])
@pytest.mark.parametrize("poll", POLLS.values(), ids=POLLS.keys())
def test_polling_comes_to_an_end(engine: Engine, poll: Poll, strategy: str) -> None:
    engine.passes(lambda: poll(engine), strategy=strategy, interleavings=5, timeout=30.0)


@pytest.mark.parametrize("strategy", ["random", "auto"])
def test_work_until_one_who_sleeps_says_stop(engine: Engine, strategy: str) -> None:
    class Shared:
        stop = False
        done = 0

    def body() -> None:
        Shared.stop, Shared.done = False, 0

        def work() -> None:
            while not Shared.stop:
                Shared.done += 1

        thread = threading.Thread(target=work)
        thread.start()
        time.sleep(0.01)
        Shared.stop = True
        thread.join()

    engine.passes(body, strategy=strategy, interleavings=4, timeout=60.0)


def test_a_serial_failure_does_not_claim_that_nobody_was_preempted(engine: Engine) -> None:
    stop: list[int] = []

    def work() -> None:
        while not stop:
            pass

    def body() -> None:
        stop.clear()
        engine.together(work, lambda: (time.sleep(0.01), stop.append(1)))
        raise AssertionError

    explored = engine.explore(body)
    assert explored.verdict == "serial-failure"
    assert "fails in the serial schedule, where" in render_failure(explored.result, 120)


def test_a_deadline_that_work_is_far_from(engine: Engine) -> None:
    def body() -> None:
        done: list[int] = []
        deadline = time.monotonic() + 60
        while len(done) < 300:
            done.append(1)
            assert time.monotonic() < deadline
        engine.together(lambda: done.append(2))

    engine.passes(body, strategy="random", interleavings=3)


def test_two_threads_that_wait_for_each_other_in_turns_of_sleep(engine: Engine) -> None:
    def body() -> None:
        here: list[str] = []

        def meet(me: str, other: str) -> None:
            here.append(me)
            while other not in here:
                time.sleep(0.5)

        engine.together(lambda: meet("a", "b"), lambda: meet("b", "a"))

    engine.passes(body)
