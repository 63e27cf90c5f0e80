"""One run: threads at once and one after the other, and what they waited for."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from pytest_racecheck.gil import run, sampler
from pytest_racecheck.gil.lock_detail import LockDetail
from pytest_racecheck.gil.watch import Watch
from pytest_racecheck.primitives import lock, rlock, simple_queue


def at_once(*functions: Callable[[], object]) -> None:
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    owners = (lock.Lock, rlock.RLock, simple_queue.SimpleQueue, threading.Thread)
    before = [dict(vars(owner)) for owner in owners]
    threads = threading.enumerate()
    yield
    assert [dict(vars(owner)) for owner in owners] == before
    assert threading.enumerate() == threads


class TestSerial:
    """One thread at a time."""

    def test_each_runs_to_its_end_before_the_next(self) -> None:
        log: list[str] = []

        def work(name: str) -> None:
            for _ in range(3):
                time.sleep(0.002)
                log.append(name)

        found = run.serial(lambda: at_once(*[lambda n=n: work(n) for n in "abc"]), 30)
        assert "".join(log) == "aaabbbccc"
        assert found.broken is None
        assert found.wall >= sum(thread.alone for thread in found.threads) * 0.9 >= 0.018 * 0.9

    def test_threads_that_wait_for_each_other_change_where_they_must(self) -> None:
        log: list[str] = []
        items: queue.Queue[int] = queue.Queue(maxsize=1)
        gate = threading.Barrier(3)
        event = threading.Event()

        def take() -> None:
            event.wait()
            log.append(str([items.get() for _ in range(3)]))
            gate.wait()

        def put() -> None:
            for number in range(3):
                items.put(number)
            gate.wait()

        def wake() -> None:
            event.set()
            gate.wait()

        found = run.serial(lambda: at_once(take, put, wake), 30)
        assert found.broken is None
        assert log == ["[0, 1, 2]"]

    def test_a_pool_and_reentrant_locks_and_conditions(self) -> None:
        condition = threading.Condition()
        done: list[int] = []

        def wait(number: int) -> int:
            with condition, condition:
                condition.wait_for(lambda: len(done) == number, 20)
                done.append(number)
                condition.notify_all()
            return number

        def body() -> None:
            done.clear()
            with ThreadPoolExecutor(4) as pool:
                assert list(pool.map(wait, reversed(range(4)))) == [3, 2, 1, 0]

        assert run.serial(body, 30).broken is None
        assert run.together(body).together == 4

    def test_waits_that_only_time_ends_add_up(self) -> None:
        def nap() -> None:
            threading.Event().wait(0.05)

        found = run.serial(lambda: at_once(nap, nap, nap), 5.0)
        assert found.wall >= 0.15
        assert all(thread.alone >= 0.05 for thread in found.threads)

    def test_what_cannot_be_serial_says_so_and_ends(self) -> None:
        done: list[int] = []

        def poll() -> None:
            while not done:
                time.sleep(0.001)

        found = run.serial(lambda: at_once(poll, lambda: done.append(1)), 0.2)
        assert found.broken is not None
        assert "(poll) at" in found.broken
        assert "goes on only while another one runs" in found.broken


class TestTogether:
    """All at once."""

    def test_waits_are_told_apart(self) -> None:
        mutex, slots, event = threading.Lock(), threading.Semaphore(1), threading.Event()

        def locked() -> None:
            with mutex:
                time.sleep(0.1)

        def limited() -> None:
            with slots:
                time.sleep(0.1)

        def signalled() -> None:
            event.wait()

        def waking() -> None:
            event.wait(0.2)
            event.set()

        found = run.together(lambda: at_once(locked, locked, limited, limited, signalled, waking))
        by_function: dict[str, list[run.ThreadTimes]] = {}
        for thread in found.threads:
            by_function.setdefault(thread.function.rpartition(".")[2], []).append(thread)
        assert sum(thread.lock for thread in by_function["locked"]) >= 0.05
        assert sum(thread.lock for thread in by_function["limited"]) >= 0.05
        assert by_function["signalled"][0].signal >= 0.1
        assert by_function["waking"][0].time >= 0.1
        assert found.together == 6
        assert found.worst_lock in (mutex, slots)

    def test_the_lock_and_the_lines_that_hold_it_have_names(self) -> None:
        class Account:
            def __init__(self) -> None:
                self.guard = threading.RLock()

            def use(self) -> None:
                with self.guard:
                    time.sleep(0.02)

        account, detail = Account(), LockDetail()
        found = run.together(lambda: at_once(*[account.use] * 4), detail=detail)
        name, lines = detail.of(found.worst_lock)
        assert name == "Account.guard"
        assert lines == [(__file__, Account.use.__code__.co_firstlineno + 2)]

    def test_exceptions_and_results_are_those_of_the_test(self) -> None:
        caught: list[type[BaseException]] = []
        before, threading.excepthook = threading.excepthook, lambda args: caught.append(args.exc_type)
        try:
            found = run.together(lambda: at_once(iter([]).__next__))
        finally:
            threading.excepthook = before
        assert caught == [StopIteration]
        assert [type(error) for error in found.errors] == [StopIteration]
        with pytest.raises(ZeroDivisionError):
            run.together(lambda: 1 / 0)

    def test_a_main_thread_that_computes_is_one_of_them(self) -> None:
        def compute() -> None:
            end = time.thread_time() + 0.15
            while time.thread_time() < end:
                pass

        def body() -> None:
            thread = threading.Thread(target=compute)
            thread.start()
            compute()
            thread.join()

        found = run.together(body)
        assert found.together == 2
        assert found.cpu >= 0.11

    def test_two_at_a_time_are_refused(self) -> None:
        with Watch(), pytest.raises(RuntimeError, match="nor two things at once"), Watch():
            pass


def test_the_sampler_sees_what_threads_do_and_is_gone_afterwards() -> None:
    with sampler.opened() as (watcher, reason):
        if watcher is None:
            pytest.skip(reason)
        process = watcher._process
        guard = threading.Lock()

        def hold() -> None:
            with guard:
                time.sleep(0.3)

        found = run.together(lambda: at_once(hold, hold), watcher)
        first, second = sorted(found.threads, key=lambda thread: thread.lock)
        assert first.states.asleep > sum(first.states) / 2
        assert second.states.futex > 0
        assert second.states.asleep > 0
        assert second.states.gil < sum(second.states) / 4
    assert process.poll() is not None


def test_a_system_that_shows_no_states_is_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "m68k")
    with sampler.opened() as (watcher, reason):
        assert watcher is None
        assert "m68k" in reason or "does not show" in reason
