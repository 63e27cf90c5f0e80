"""Locks behave as the originals do: outside a run, and inside one with another thread alive."""

from __future__ import annotations

import _thread
import copy
import pickle
import re
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from pytest_racecheck.engine import real
from pytest_racecheck.primitives.lock import Lock
from pytest_racecheck.primitives.rlock import RLock

if TYPE_CHECKING:
    from tests.conftest import Engine

Scenario = Callable[[Callable[[], Any]], list[object]]


def attempt(function: Callable[[], object]) -> object:
    """What ``function`` returns or raises, in a form that can be compared."""
    try:
        return function()
    except (TypeError, AttributeError, ValueError, OverflowError) as error:
        return type(error)  # the wording is the interpreter's, and differs from version to version
    except Exception as error:  # noqa: BLE001 - whatever it is, it is compared
        return type(error), str(error)


def in_thread(function: Callable[[], object]) -> object:
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(attempt(function)))
    thread.start()
    thread.join()
    return found[0]


def taking_and_releasing(make: Callable[[], Any]) -> list[object]:
    lock = make()
    return [
        lock.acquire(),
        in_thread(lambda: lock.acquire(False)),
        in_thread(lambda: lock.acquire(blocking=False)),
        in_thread(lambda: lock.acquire(timeout=0.01)),
        in_thread(lambda: lock.acquire(True, 0)),
        lock.release(),
        in_thread(lambda: lock.acquire(False) and lock.release()),
        in_thread(lambda: lock.acquire(True, 0.01) and lock.release()),
        in_thread(lambda: lock.acquire(1, -1) and lock.release()),
        lock.__enter__(),
        lock.__exit__(None, None, None),
        lock.acquire(timeout=5),
        lock.release(),
    ]


def wrong_arguments(make: Callable[[], Any]) -> list[object]:
    lock = make()
    return [
        attempt(lambda: lock.acquire(False, 1)),
        attempt(lambda: lock.acquire(timeout=-2)),
        attempt(lambda: lock.acquire(timeout=threading.TIMEOUT_MAX * 2)),
        attempt(lambda: lock.acquire(timeout="soon")),
        attempt(lambda: lock.acquire(True, None)),
        attempt(lambda: lock.acquire(timeout=float("nan"))),
        attempt(lambda: lock.acquire(waiting=True)),
        attempt(lambda: lock.acquire(True, 1, 2)),
        attempt(lambda: lock.release(1)),
        attempt(lambda: setattr(lock, "note", "mine")),
        # None of it has left the lock taken.
        in_thread(lambda: lock.acquire(False) and lock.release()),
    ]


def release_without_acquire(make: Callable[[], Any]) -> list[object]:
    lock = make()
    found = [attempt(lock.release)]
    with lock:
        pass
    found.append(attempt(lock.release))
    return found


def release_by_another_thread(make: Callable[[], Any]) -> list[object]:
    lock = make()
    lock.acquire()
    return [in_thread(lock.release), lock.acquire(False), attempt(lock.release)]


def release_when_the_block_fails(make: Callable[[], Any]) -> list[object]:
    lock = make()

    def fail() -> None:
        with lock:
            raise OSError("broken")

    return [attempt(fail), in_thread(lambda: lock.acquire(False) and lock.release())]


def looks(make: Callable[[], Any]) -> list[object]:
    lock = make()

    def text() -> str:
        return re.sub(r"0x[0-9a-f]+|owner=\d+", lambda found: "0" if found[0][-2:] in ("x0", "=0") else "n", repr(lock))

    kind = type(lock)
    found: list[object] = [text(), bool(lock), kind.__module__, kind.__hash__ is object.__hash__, lock == make()]
    with lock:
        found.append(text())
    return found


def not_copied(make: Callable[[], Any]) -> list[object]:
    lock = make()
    return [
        attempt(lambda: pickle.dumps(lock)),
        attempt(lambda: copy.copy(lock)),
        attempt(lambda: copy.deepcopy({"lock": lock})),
    ]


def weakly_referenced(make: Callable[[], Any]) -> list[object]:
    locks = [make()]
    reference = weakref.ref(locks[0])
    there = reference() is locks[0]
    locks.clear()
    return [there, reference()]


def after_a_fork(make: Callable[[], Any]) -> list[object]:
    lock = make()
    lock.acquire()
    lock._at_fork_reinit()
    return [in_thread(lambda: lock.acquire(False) and lock.release()), lock.acquire(False), lock.release()]


def taken_twice(make: Callable[[], Any]) -> list[object]:
    lock = make()
    found = [lock.acquire(), lock.acquire(False), in_thread(lambda: lock.acquire(False)), attempt(lock.release)]
    found += [in_thread(lambda: lock.acquire(False)), attempt(lock.release), attempt(lock.release)]
    return found


def under_a_condition(make: Callable[[], Any]) -> list[object]:
    lock = make()
    condition = threading.Condition(lock)
    found = [attempt(condition.notify), attempt(condition.wait), lock.acquire()]
    found += [condition.wait(0.01), attempt(condition.notify), lock.release(), attempt(condition.notify)]
    return found


def condition_over_several_levels(make: Callable[[], Any]) -> list[object]:
    lock = make()
    condition = threading.Condition(lock)
    found: list[object] = []
    with lock, lock, condition:
        found += [lock._is_owned(), condition.wait(0.01), lock._is_owned()]
    found += [lock._is_owned(), attempt(lock.release)]
    return found


COMMON: list[Scenario] = [
    taking_and_releasing,
    wrong_arguments,
    release_without_acquire,
    release_by_another_thread,
    release_when_the_block_fails,
    looks,
    not_copied,
    weakly_referenced,
    after_a_fork,
    taken_twice,
    under_a_condition,
]
SCENARIOS = [pytest.param(each, "Lock", id=f"Lock-{each.__name__}") for each in COMMON] + [
    pytest.param(each, "RLock", id=f"RLock-{each.__name__}") for each in [*COMMON, condition_over_several_levels]
]
ORIGINALS: dict[str, Callable[[], Any]] = {"Lock": real.allocate_lock, "RLock": real.rlock}


def stand_in(name: str) -> Callable[[], Any]:
    return Lock if name == "Lock" else RLock


@pytest.mark.parametrize(("scenario", "name"), SCENARIOS)
def test_a_lock_outside_a_run_is_as_the_original(scenario: Scenario, name: str) -> None:
    assert scenario(stand_in(name)) == scenario(ORIGINALS[name])


@pytest.mark.parametrize(("scenario", "name"), SCENARIOS)
def test_a_lock_in_a_run_is_as_the_original(engine: Engine, scenario: Scenario, name: str) -> None:
    expected = scenario(ORIGINALS[name])

    def body() -> list[object]:
        done = threading.Event()
        other = threading.Thread(target=done.wait)
        other.start()
        try:
            return scenario(stand_in(name))
        finally:
            done.set()
            other.join()

    for found in engine.passes(body, interleavings=6):
        assert found == expected


def test_every_way_to_a_lock_leads_to_the_stand_in() -> None:
    for make in (threading.Lock, threading._allocate_lock, _thread.allocate_lock, _thread.allocate):  # type: ignore[attr-defined]
        assert type(make()) is Lock
    for make in (threading.RLock, _thread.RLock):
        assert type(make()) is RLock
    assert type(threading.Condition()._lock) is RLock  # type: ignore[attr-defined]


def test_older_locks_count_as_locks() -> None:
    assert isinstance(real.allocate_lock(), Lock)
    assert isinstance(Lock(), _thread.LockType)
    assert not isinstance(object(), Lock)
    assert not isinstance(RLock(), Lock)


def test_a_lock_is_no_base_class_and_an_rlock_is() -> None:
    with pytest.raises(TypeError, match="not an acceptable base type"):
        type("Mine", (Lock,), {})

    class Counting(RLock):
        entered = 0

        def __enter__(self) -> bool:
            self.entered += 1
            return super().__enter__()

    lock = Counting()
    with lock, lock:
        assert lock.entered == 2


def test_a_lock_takes_no_arguments_and_no_attributes() -> None:
    with pytest.raises(TypeError):
        Lock(1)  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        Lock().note = "mine"  # type: ignore[attr-defined]


def test_locked_tells_the_truth(engine: Engine) -> None:
    lock = Lock()

    def body() -> None:
        assert not lock.locked()
        with lock:
            assert lock.locked()
            assert in_thread(lock.locked) is True
        assert not lock.locked()

    body()
    engine.passes(body, interleavings=5)


def test_an_rlock_is_told_to_be_owned_by_its_owner_alone(engine: Engine) -> None:
    lock = RLock()

    def body() -> None:
        assert not lock._is_owned()
        with lock, lock:
            assert lock._is_owned()
            assert lock._recursion_count() == 2
            assert in_thread(lock._is_owned) is False

    body()
    engine.passes(body, interleavings=5)


@pytest.mark.parametrize("make", [Lock, RLock])
def test_mutual_exclusion(engine: Engine, make: Callable[[], Any]) -> None:
    def body() -> None:
        lock = make()
        inside: list[int] = []

        def work() -> None:
            for _ in range(2):
                with lock:
                    inside.append(1)
                    assert len(inside) == 1
                    inside.pop()

        engine.together(work, work, work)

    engine.passes(body, interleavings=40, strategy="random")


def test_without_the_lock_the_same_program_fails(engine: Engine) -> None:
    def body() -> None:
        inside: list[int] = []

        def work() -> None:
            inside.append(1)
            assert len(inside) == 1
            inside.pop()

        engine.together(work, work)

    assert engine.explore(body).verdict == "race"


def test_a_lock_handed_to_another_thread_for_release(engine: Engine) -> None:
    def body() -> list[str]:
        lock, order = Lock(), []
        lock.acquire()

        def release() -> None:
            order.append("released")
            lock.release()

        thread = threading.Thread(target=release)
        thread.start()
        lock.acquire()
        order.append("acquired")
        thread.join()
        return order

    assert all(order == ["released", "acquired"] for order in engine.passes(body))


@pytest.mark.parametrize("make", [Lock, RLock])
def test_a_timed_acquire_has_both_outcomes(engine: Engine, make: Callable[[], Any]) -> None:
    def body() -> bool:
        lock = make()
        ready, release = threading.Event(), threading.Event()

        def hold() -> None:
            with lock:
                ready.set()
                release.wait(1)

        thread = threading.Thread(target=hold)
        thread.start()
        ready.wait()
        got: bool = lock.acquire(timeout=1)  # as long as the holder waits: either may strike first
        if got:
            lock.release()
        thread.join()
        return got

    assert set(engine.passes(body, interleavings=60)) == {True, False}
