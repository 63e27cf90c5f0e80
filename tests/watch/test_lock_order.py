"""Lock-order inversions that no interleaving turned into a deadlock."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from pytest_racecheck.engine.errors import LockOrderFailure

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Engine


def together(*functions: Callable[[], object]) -> None:
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def in_order(*locks: threading.Lock) -> Callable[[], None]:
    def work() -> None:
        if locks:
            with locks[0]:
                in_order(*locks[1:])()

    return work


def behind_a_semaphore() -> None:
    """Nothing says that a semaphore with one permit excludes others."""
    lock_a, lock_b, one = threading.Lock(), threading.Lock(), threading.Semaphore(1)

    def a_then_b() -> None:
        with one, lock_a, lock_b:
            pass

    def b_then_a() -> None:
        with one, lock_b, lock_a:
            pass

    together(a_then_b, b_then_a)


def behind_a_gate() -> None:
    gate, lock_a, lock_b = threading.Lock(), threading.Lock(), threading.Lock()
    together(in_order(gate, lock_a, lock_b), in_order(gate, lock_b, lock_a))


def in_one_thread() -> None:
    lock_a, lock_b = threading.Lock(), threading.Lock()

    def both_ways() -> None:
        in_order(lock_a, lock_b)()
        in_order(lock_b, lock_a)()

    together(both_ways, lambda: None)


def with_a_time_out() -> None:
    lock_a, lock_b = threading.Lock(), threading.Lock()

    def patient() -> None:
        with lock_a, lock_b:
            pass

    def impatient() -> None:
        with lock_b:
            if lock_a.acquire(timeout=1):
                lock_a.release()

    together(patient, impatient)


def one_after_the_other() -> None:
    lock_a, lock_b, done = threading.Lock(), threading.Lock(), threading.Event()

    def first() -> None:
        in_order(lock_a, lock_b)()
        done.set()

    def second() -> None:
        done.wait()
        in_order(lock_b, lock_a)()

    together(first, second)


def same_order() -> None:
    lock_a, lock_b = threading.Lock(), threading.Lock()
    together(in_order(lock_a, lock_b), in_order(lock_a, lock_b))


def signal() -> None:
    """The last of the readers gives back what the first one took: that lock excludes nobody by itself."""
    counting, writing = threading.Lock(), threading.Lock()
    readers = [0]

    def read() -> None:
        with counting:
            readers[0] += 1
            if readers[0] == 1:
                writing.acquire()
        with counting:
            readers[0] -= 1
            if not readers[0]:
                writing.release()

    together(read, read, read)


def test_an_inversion_that_did_not_block_is_a_warning(engine: Engine) -> None:
    explored = engine.explore(behind_a_semaphore, strategy="random")
    assert explored.verdict == "passed"
    line = behind_a_semaphore.__code__.co_firstlineno + 5
    (warning,) = explored.result.warnings
    assert warning == (
        f"shows a lock-order inversion: T1 holds lock_a and takes lock_b at test_lock_order.py:{line}; "
        f"T2 holds lock_b and takes lock_a at test_lock_order.py:{line + 4}"
    )


def test_it_fails_the_test_if_that_is_wanted(engine: Engine) -> None:
    explored = engine.explore(behind_a_semaphore, strategy="random", fail_on=("lock-order",))
    assert explored.verdict == "race"
    assert isinstance(explored.error, LockOrderFailure)
    assert explored.failure.reproduced == (10, 10)
    assert explored.failure.advice == ["Take these locks in the same order in every thread."]


def test_it_is_a_note_where_no_interleaving_can_deadlock(engine: Engine) -> None:
    explored = engine.explore(behind_a_semaphore, strategy="exhaustive")
    assert explored.verdict == "proved"
    assert explored.result.warnings == []
    assert [finding.harmless for finding in explored.result.findings] == ["no interleaving of this test deadlocks"]


@pytest.mark.parametrize("body", [behind_a_gate, in_one_thread, with_a_time_out, same_order, signal])
def test_what_is_no_inversion(engine: Engine, body: Callable[[], None]) -> None:
    explored = engine.explore(body, strategy="random", interleavings=40, fail_on=("lock-order",))
    assert explored.error is None
    assert explored.result.warnings == []
    assert [
        finding for finding in explored.result.findings if finding.kind == "lock-order" and not finding.harmless
    ] == []


def one_joined_before_the_other() -> None:
    lock_a, lock_b = threading.Lock(), threading.Lock()
    together(in_order(lock_a, lock_b))
    together(in_order(lock_b, lock_a))


@pytest.mark.parametrize("body", [one_after_the_other, one_joined_before_the_other])
def test_one_order_everywhere_is_a_rule_for_those_who_ask_for_it(engine: Engine, body: Callable[[], None]) -> None:
    explored = engine.explore(body, strategy="random", interleavings=40)
    assert explored.verdict == "passed"
    assert explored.result.warnings == []
    (finding,) = explored.result.findings
    assert finding.harmless == "they were only seen to come there one after the other, in one order"
    explored = engine.explore(body, fail_on=("lock-order",))
    assert isinstance(explored.error, LockOrderFailure)
    assert explored.failure.reproduced == (10, 10)


def test_a_ring_of_three(engine: Engine) -> None:
    def body() -> None:
        locks = [threading.Lock() for _ in range(3)]
        one = threading.Semaphore(1)

        def work(number: int) -> None:
            with one, locks[number], locks[(number + 1) % 3]:
                pass

        together(lambda: work(0), lambda: work(1), lambda: work(2))

    explored = engine.explore(body, strategy="random", interleavings=100, fail_on=("lock-order",))
    assert len(explored.result.findings[0].sites) == 3


def test_what_does_block_is_a_deadlock(engine: Engine) -> None:
    def body() -> None:
        lock_a, lock_b = threading.Lock(), threading.Lock()
        together(in_order(lock_a, lock_b), in_order(lock_b, lock_a))

    assert engine.explore(body, fail_on=("lock-order",)).verdict == "deadlock"
