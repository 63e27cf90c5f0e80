"""Threads that only poll, with nobody left to change what they look at: told as such, with the way that led there."""

from __future__ import annotations

import itertools
import queue
import threading
import time
import types
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from pytest_racecheck.engine import confirmation
from pytest_racecheck.engine.points import FUTILE
from pytest_racecheck.engine.runner import Runner

if TYPE_CHECKING:
    from tests.conftest import Engine


class Shared:
    def __init__(self) -> None:
        self.ready = False
        self.count = 0


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of what usually counts as going on for ever does."""
    assert Runner.begin.__kwdefaults__ is not None
    monkeypatch.setitem(Runner.begin.__kwdefaults__, "futile", FUTILE // 10)
    monkeypatch.setattr(confirmation, "FUTILE", FUTILE // 10)
    monkeypatch.setattr(confirmation, "FUTILE_AGAIN", confirmation.FUTILE_AGAIN // 10)


def lost_flag(engine: Engine) -> None:
    """Fails only if an update is lost."""
    shared = Shared()

    def wait() -> None:
        while not shared.ready:
            time.sleep(0.01)

    def work() -> None:
        shared.count += 1
        if shared.count == 2:
            shared.ready = True

    engine.together(wait, work, work)


@pytest.mark.usefixtures("impatient")
def test_how_it_came_about_is_told_and_can_be_replayed(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = itertools.count(0, 0.06)  # so many runs to make it simpler, however long they take
    clock = types.SimpleNamespace(monotonic=lambda: next(looks))
    monkeypatch.setattr("pytest_racecheck.shrink.minimise.real", clock)
    found = engine.explore(lambda: lost_flag(engine), interleavings=200, timeout=60.0)
    failure = found.failure
    assert (found.verdict, failure.kind, failure.cause) == ("hang", "hang", "livelock")
    assert failure.message.startswith("T1 polls in lost_flag.<locals>.wait (test_livelock.py:")
    assert failure.message.endswith("; no thread is left to change what it waits for")
    assert failure.details == ["main waits for T1 to end."]
    assert [(thread.id, thread.state) for thread in failure.threads] == [("main", "blocked"), ("T1", "polls")]
    assert (failure.reproduced, len(failure.preemptions)) == ((10, 10), 1)
    writes = [step.resource.lower() for step in failure.steps if step.operation == "write"]
    assert writes.count("shared.count") == 2  # of `shared`, or of a Shared where too much is to be seen
    again = engine.explore(lambda: lost_flag(engine), replay=failure.token, timeout=60.0)
    assert (again.verdict, again.failure.message) == ("hang", failure.message)


def sleep_for_ever(engine: Engine) -> None:
    shared = Shared()

    def wait() -> None:
        while not shared.ready:
            time.sleep(0.01)

    engine.together(wait)


def wait_for_ever(engine: Engine) -> None:
    event = threading.Event()

    def wait() -> None:
        while not event.wait(0.5):
            pass

    engine.together(wait, wait)


def spin_for_ever(engine: Engine) -> None:
    lock = threading.Lock()
    lock.acquire()

    def wait() -> None:
        while lock.locked():
            pass

    engine.together(wait)


def count_for_ever(engine: Engine) -> None:
    shared = Shared()

    def wait() -> None:
        tries = 0
        while not shared.ready:
            tries += 1

    engine.together(wait)


def look_at_a_queue_for_ever(engine: Engine) -> None:
    items: queue.Queue[int] = queue.Queue()

    def wait() -> None:
        while items.empty():
            pass

    engine.together(wait)


def in_the_main_thread(engine: Engine) -> None:
    shared = Shared()
    engine.together(lambda: shared.ready)
    while not shared.ready:
        time.sleep(1)


def test_it_is_told_in_a_second_or_so(engine: Engine) -> None:
    assert engine.explore(lambda: sleep_for_ever(engine), interleavings=3, timeout=60.0).failure.cause == "livelock"


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "body",
    [sleep_for_ever, wait_for_ever, spin_for_ever, count_for_ever, look_at_a_queue_for_ever, in_the_main_thread],
)
def test_it_is_told_however_threads_wait(engine: Engine, body: Callable[[Engine], None]) -> None:
    found = engine.explore(lambda: body(engine), interleavings=3, timeout=60.0)
    assert (found.verdict, found.failure.cause, found.result.interleavings) == ("hang", "livelock", 1)
    assert found.failure.token


def test_what_goes_on_for_ever_after_a_failure_is_its_consequence(engine: Engine) -> None:
    def body() -> None:
        shared = Shared()

        def fail() -> None:
            assert shared.count == 1
            shared.ready = True

        def wait() -> None:
            while not shared.ready:
                time.sleep(0.01)

        engine.together(fail, wait)

    explored = engine.explore(body)
    assert isinstance(explored.error, AssertionError)


def test_a_loop_with_an_end_is_none(engine: Engine) -> None:
    shared = Shared()

    def wait() -> None:
        for _ in range(20_000):
            if shared.ready:
                break
            time.sleep(0.001)

    engine.passes(lambda: engine.together(wait, wait), interleavings=2, timeout=60.0)


def test_nor_is_one_that_tries(engine: Engine) -> None:
    lock = threading.Lock()

    def wait() -> None:
        for _ in range(60_000):
            if lock.acquire(blocking=False):
                break

    with lock:
        engine.passes(lambda: engine.together(wait, wait), interleavings=1, timeout=60.0)


def test_a_loop_with_a_deadline_is_none(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Runner.begin.__kwdefaults__ is not None
    monkeypatch.setitem(Runner.begin.__kwdefaults__, "futile", FUTILE // 20)
    shared = Shared()

    def wait() -> None:
        end = time.monotonic() + 6
        while not shared.ready and time.monotonic() < end:
            time.sleep(0.001)

    engine.passes(lambda: engine.together(wait, wait), interleavings=1, timeout=60.0)


def test_waiting_for_one_who_sleeps_long_is_none(engine: Engine) -> None:
    def body() -> None:
        shared = Shared()

        def wait() -> None:
            while not shared.ready:
                time.sleep(0.001)

        def wake() -> None:
            threading.Event().wait(120)
            shared.ready = True

        engine.together(wait, wake)

    engine.passes(body, interleavings=1, timeout=60.0)


def test_waiting_for_a_thread_outside_is_none(engine: Engine) -> None:
    shared = Shared()
    begun, polled = threading.Event(), threading.Event()

    def outside() -> None:
        begun.wait()
        polled.wait()
        shared.ready = True

    thread = threading.Thread(target=outside)
    thread.start()

    def wait() -> None:
        begun.set()
        looks = 0
        while not shared.ready:
            looks += 1
            if looks == 110_000:
                polled.set()
            time.sleep(0.001)

    engine.passes(lambda: engine.together(wait), interleavings=1, timeout=60.0)
    thread.join()
