"""Threads left running and locks left held, once the fixtures are gone."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from pytest_racecheck.engine.errors import LeakFailure

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Engine

OLD = threading.Lock()


def waits_for_good() -> None:
    def wait() -> None:
        threading.Event().wait()

    threading.Thread(target=wait, name="waiter").start()


def uncancelled_timer() -> None:
    threading.Timer(60, print).start()


def ends_with_a_lock() -> None:
    lock = threading.Lock()
    thread = threading.Thread(target=lock.acquire)
    thread.start()
    thread.join()


def ends_with_a_lock_by_name() -> None:
    lock = threading.Lock()

    def work() -> None:
        lock.acquire()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def keeps_an_old_lock() -> None:
    waits = threading.Thread(target=lambda: None)
    waits.start()
    waits.join()
    OLD.acquire()


LEAKS = [
    (waits_for_good, ".<locals>.wait, still runs when the test is over, at test_leaks.py:23"),
    (uncancelled_timer, "started at test_leaks.py:29 with Timer.run, still runs when the test is over"),
    (ends_with_a_lock, "T1, which ran Lock.acquire and has ended, still holds a lock when the test is over"),
    (ends_with_a_lock_by_name, "still holds lock, taken at test_leaks.py:43, when the test is over"),
    (keeps_an_old_lock, "the test still holds test_leaks.OLD, taken at test_leaks.py:54, when the test is over"),
]


@pytest.mark.parametrize(("body", "text"), LEAKS, ids=lambda each: getattr(each, "__name__", ""))
def test_a_leak_is_a_warning(engine: Engine, body: Callable[[], None], text: str) -> None:
    explored = engine.explore(body, interleavings=3)
    assert explored.error is None
    assert [warning for warning in explored.result.warnings if f"shows a leak: {text}" in warning or text in warning]
    assert [finding.kind for finding in explored.result.findings] == ["leak"]


@pytest.mark.parametrize(("body", "text"), LEAKS, ids=lambda each: getattr(each, "__name__", ""))
def test_it_fails_the_test_if_that_is_wanted(engine: Engine, body: Callable[[], None], text: str) -> None:
    explored = engine.explore(body, interleavings=1, fail_on=("leak",))
    assert explored.verdict == "serial-failure"
    assert isinstance(explored.error, LeakFailure)
    assert text in str(explored.error)
    assert explored.failure.reproduced == (1, 1)


def daemon() -> None:
    running = threading.Event()

    def work() -> None:
        running.set()
        threading.Event().wait()

    threading.Thread(target=work, daemon=True).start()
    running.wait()


def cancelled_timer() -> None:
    timer = threading.Timer(60, print)
    timer.start()
    timer.cancel()


def told_to_stop() -> None:
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(1):
            pass

    threading.Thread(target=work).start()
    stop.set()


def idle_pool() -> None:
    pool = ThreadPoolExecutor(2)
    assert pool.submit(lambda: 1).result() == 1


def first_one_wins() -> None:
    once = threading.Lock()
    threads = [threading.Thread(target=lambda: once.acquire(blocking=False)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def signal() -> None:
    lock = threading.Lock()
    lock.acquire()
    threads = [threading.Thread(target=lock.acquire), threading.Thread(target=lock.release)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def lock_of_its_own() -> None:
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    threading.Lock().acquire()


@pytest.mark.parametrize(
    "body", [daemon, cancelled_timer, told_to_stop, idle_pool, first_one_wins, signal, lock_of_its_own]
)
def test_what_is_no_leak(engine: Engine, body: Callable[[], None]) -> None:
    explored = engine.explore(body, interleavings=4, fail_on=("leak",))
    assert explored.error is None
    assert explored.result.findings == []


def test_a_leak_that_some_interleavings_have_is_replayed(engine: Engine) -> None:
    def body() -> None:
        lock = threading.Lock()
        seen: list[int] = []

        def careless() -> None:
            lock.acquire()
            if not seen:
                lock.release()

        def other() -> None:
            seen.append(1)

        threads = [threading.Thread(target=function) for function in (careless, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    explored = engine.explore(body, fail_on=("leak",))
    assert explored.verdict == "race"
    assert explored.result.first_failure
    replayed = engine.explore(body, replay=explored.failure.token, fail_on=("leak",))
    assert isinstance(replayed.error, LeakFailure)
