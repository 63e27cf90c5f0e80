"""The diagnosis, on real threads that are blocked in real locks, described as the engine would describe them."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import linecache
import queue
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

import pytest

from pytest_racecheck.detect.deadlock import BlockedThread, Diagnosis, diagnose
from pytest_racecheck.engine.operation import Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

# Lines on which a thread blocks: the library's, and those of this file, which say so.
BLOCKING = (
    "waiter.acquire()",
    "self._handle.join(timeout)",
    "self._wait_for_tstate_lock()",
    "lock.acquire(block, timeout)",
    "work_queue.get(block=True)",
    "# blocks",
)


def innermost(thread: threading.Thread) -> FrameType | None:
    return sys._current_frames().get(thread.ident or 0)


def blocking_frame(thread: threading.Thread) -> FrameType | None:
    """The innermost frame, but for that of a stand-in: the suite itself runs with racecheck loaded."""
    frame = innermost(thread)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("pytest_racecheck.primitives."):
        frame = frame.f_back
    return frame


def is_blocked(thread: threading.Thread) -> bool:
    frame = blocking_frame(thread)
    if frame is None:
        return False
    return any(each in linecache.getline(frame.f_code.co_filename, frame.f_lineno) for each in BLOCKING)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "the threads do not get to where they should block"
        time.sleep(0.001)


class Stage:
    """Threads that get stuck, and what has to be done at the end to get them out again."""

    def __init__(self) -> None:
        self.exit = ExitStack()
        self.threads: dict[str, threading.Thread] = {}

    def start(self, function: Callable[..., object], *args: object) -> threading.Thread:
        thread = threading.Thread(target=function, args=args, daemon=True)
        thread.start()
        return self.add(thread)

    def add(self, thread: threading.Thread) -> threading.Thread:
        self.threads[f"T{len(self.threads) + 1}"] = thread
        until(lambda: is_blocked(thread))
        return thread

    def blocked(self, test: FrameType, joined: str, changes: dict[str, dict[str, Any]]) -> list[BlockedThread]:
        """As the engine tells it: the test's own thread first, which joins ``joined``."""
        target = self.threads[joined]
        found = [BlockedThread("main", "MainThread", "test", "join", target, frame=test, owner_ids=[joined])]
        for name, thread in self.threads.items():
            at = blocking_frame(thread)
            assert at is not None
            each = BlockedThread(name, thread.name, "work", operation_of(at), at.f_locals.get("waiter"))
            each.frame = innermost(thread)
            if each.resource is not None:
                # It took this lock itself, a moment ago: that must not look like a self-deadlock.
                each.owner_ids = [name]
                each.holds = [(each.resource, None)]
            found.append(dataclasses.replace(each, **changes.pop(name, {})))
        assert not changes
        return found

    def diagnose(self, finished: tuple[str, ...] = (), joined: str = "T1", **changes: dict[str, Any]) -> Diagnosis:
        """``changes`` to what the threads with these ids tell of themselves."""
        test = sys._getframe().f_back
        assert test is not None
        return diagnose(self.blocked(test, joined, changes), list(finished))


def operation_of(frame: FrameType) -> str:
    name = frame.f_code.co_name
    if name == "_worker":
        return "get"
    return "join" if name in {"join", "_wait_for_tstate_lock"} else "acquire"


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    with stage.exit:
        yield stage
    for thread in stage.threads.values():
        thread.join(20)
        assert not thread.is_alive()


def take(lock: Any) -> None:
    lock.acquire()  # blocks
    lock.release()


def site(line: int) -> Site:
    return Site("bank.py", line, 4, line, 20, "transfer", "with lock:")


def taken_lock(stage: Stage) -> Any:
    """A lock that is not free until the test ends."""
    lock = threading.Lock()
    lock.acquire()
    stage.exit.callback(lock.release)
    return lock


def test_lock_order_cycle(stage: Stage) -> None:
    lock_a, lock_b = taken_lock(stage), taken_lock(stage)
    stage.start(take, lock_b)
    stage.start(take, lock_a)
    stage.start(stage.threads["T1"].join)
    found = stage.diagnose(
        finished=("T4",),
        T1={"resource": lock_b, "owner_ids": ["T2"], "holds": [(lock_a, site(3))]},
        T2={"resource": lock_a, "owner_ids": ["T1"], "holds": [(lock_b, None)]},
    )
    cycle = "T1 holds lock_a, wants lock_b; T2 holds lock_b, wants lock_a"
    assert (found.kind, found.cycle) == ("lock-order cycle", cycle)
    assert found.lines == [
        f"lock-order cycle: {cycle}",
        "main joins T1, which never ends: it wants lock_b.",
        "T3 joins T1, which never ends: it wants lock_b.",
        "Take these locks in the same order in every thread.",
    ]
    _, first, second, third = found.threads
    assert (first.id, first.state, first.waits_for, first.waits_on) == ("T1", "blocked", "lock_b, held by T2", ["T2"])
    assert [(each.resource, each.file, each.line) for each in first.holds] == [("lock_a", "bank.py", 3)]
    assert [(each.resource, each.file, each.line) for each in second.holds] == [("lock_b", "", 0)]
    assert [(each.function, each.source) for each in first.stack] == [("take", "lock.acquire()  # blocks")]
    assert first.stack[0].file == __file__
    assert (third.waits_for, third.waits_on) == ("T1 to end", ["T1"])


def test_cycle_in_a_part_of_the_threads_the_shortest_one(stage: Stage) -> None:
    locks = [taken_lock(stage) for _ in range(4)]
    for number in (1, 2, 3, 3):
        stage.start(take, locks[number])
    found = stage.diagnose(
        T1={"resource": locks[1], "owner_ids": ["T2"], "holds": [(locks[0], None)]},
        T2={"resource": locks[2], "owner_ids": ["T3"], "holds": [(locks[1], None)]},
        T3={"resource": locks[3], "owner_ids": ["T4"], "holds": [(locks[2], None)]},
        T4={"resource": locks[2], "owner_ids": ["T3"], "holds": [(locks[3], None)]},
    )
    assert found.kind == "lock-order cycle"
    assert found.cycle == "T3 holds locks[2], wants locks[3]; T4 holds locks[3], wants locks[2]"
    assert found.details[1:] == ["T1 waits for locks[1], held by T2.", "T2 waits for locks[2], held by T3."]


def hold_and_take(lock: Any, other: Any) -> None:
    with lock:
        other.acquire()  # blocks
        other.release()


def test_reentrant_locks(stage: Stage) -> None:
    one, two = threading.RLock(), taken_lock(stage)
    stage.start(hold_and_take, one, two)
    stage.start(take, one)
    found = stage.diagnose(
        T1={"resource": two, "owner_ids": ["T2"], "holds": [(one, None)]},
        T2={"resource": one, "owner_ids": ["T1"], "holds": [(two, None)]},
    )
    assert (found.kind, found.cycle) == ("lock-order cycle", "T1 holds one, wants two; T2 holds two, wants one")


def test_self_deadlock(stage: Stage) -> None:
    lock = taken_lock(stage)
    stage.start(take, lock)
    found = stage.diagnose(T1={"resource": lock, "owner_ids": ["T1"], "holds": [(lock, site(3))]})
    assert (found.kind, found.cycle) == ("self-deadlock", "T1 holds lock, wants lock again")
    assert found.threads[1].waits_for == "lock, held by itself"
    assert [each.resource for each in found.threads[1].holds] == ["lock"]


def test_cycle_through_a_join(stage: Stage) -> None:
    lock = taken_lock(stage)
    thread = stage.start(take, lock)
    stage.start(thread.join)
    found = stage.diagnose(joined="T2", T1={"resource": lock, "owner_ids": ["T2"]}, T2={"holds": [(lock, None)]})
    assert found.kind == "join of a thread that never ends"
    assert found.cycle == "T1 wants lock; T2 holds lock, joins T1"


def test_lock_of_a_thread_that_has_ended(stage: Stage) -> None:
    lock = taken_lock(stage)
    stage.start(take, lock)
    found = stage.diagnose(finished=("T9",), T1={"resource": lock, "owner_ids": ["T9"]})
    assert found.kind == "lock held by a thread that has ended"
    assert found.cycle == "T1 waits for lock, held by T9, which has ended; a thread that has ended can't release it"


def test_lock_that_no_controlled_thread_holds(stage: Stage) -> None:
    lock = taken_lock(stage)
    stage.start(take, lock)
    found = stage.diagnose(T1={"resource": lock})
    assert found.kind == "lock that no controlled thread holds"


def wait_on(condition: threading.Condition, until: threading.Event) -> None:
    with condition:
        while not until.is_set():
            condition.wait()


def wake(condition: threading.Condition, until: threading.Event) -> None:
    until.set()
    with condition:
        condition.notify_all()


def test_notification_that_never_comes(stage: Stage) -> None:
    condition, over = threading.Condition(), threading.Event()
    stage.exit.callback(wake, condition, over)
    waiting = stage.start(wait_on, condition, over)
    stage.start(wait_on, condition, over)
    stage.start(waiting.join)
    found = stage.diagnose()
    assert found.kind == "notification that never comes"
    assert found.cycle == "T1 and T2 wait for a notify on condition; no thread is left to notify"
    assert found.details[-1] == "T3 joins T1, which never ends: it waits for a notify on condition."
    assert found.threads[1].holds == []
    assert [each.function for each in found.threads[1].stack] == ["wait_on"]


def lock_of(condition: Any) -> object:
    return condition._lock


def test_notified_but_waiting_for_the_lock_again(stage: Stage) -> None:
    condition, over = threading.Condition(), threading.Event()
    stage.exit.callback(wake, condition, over)
    stage.start(wait_on, condition, over)
    found = stage.diagnose(T1={"resource": lock_of(condition), "owner_ids": ["T1"]})
    assert found.threads[1].waits_for == "condition._lock, held by itself"


def wait_for_event(event: threading.Event) -> None:
    event.wait()


def test_event_that_is_never_set(stage: Stage) -> None:
    done = threading.Event()
    stage.exit.callback(done.set)
    stage.start(done.wait)
    stage.start(wait_for_event, done)
    found = stage.diagnose()
    assert (found.kind, found.threads[1].waits_for) == ("event that is never set", "event done to be set")
    assert found.cycle == "T1 and T2 wait for event done to be set; no thread is left to set it"


def test_semaphore_never_released(stage: Stage) -> None:
    slots = threading.BoundedSemaphore(1)
    stage.exit.callback(slots.release)
    assert slots.acquire()
    stage.start(take, slots)
    found = stage.diagnose()
    assert found.kind == "semaphore never released"
    assert found.cycle == "T1 waits for a permit of slots (value 0); no thread is left to release it"


def meet(barrier: threading.Barrier) -> None:
    with suppress(threading.BrokenBarrierError):
        barrier.wait()


def test_barrier_with_too_few_parties(stage: Stage) -> None:
    start = threading.Barrier(3)
    stage.exit.callback(start.abort)
    stage.start(meet, start)
    stage.start(meet, start)
    found = stage.diagnose()
    assert found.kind == "barrier with too few parties"
    assert found.threads[1].waits_for == "the others at barrier start (2 of 3 are there)"


def consume(jobs: queue.Queue[int]) -> None:
    while jobs.get() >= 0:
        pass


def test_queue_join_without_task_done(stage: Stage) -> None:
    jobs: queue.Queue[int] = queue.Queue()
    for number in range(3):
        jobs.put(number)
    stage.start(consume, jobs)
    stage.start(jobs.join)
    found = stage.diagnose()
    for _ in range(4):
        stage.exit.callback(jobs.task_done)
    stage.exit.callback(jobs.put, -1)
    assert found.kind == "Queue.join without task_done"
    assert found.cycle.startswith("T2 waits for task_done() on jobs: 3 unfinished tasks, 0 still in it; ")
    assert found.threads[1].waits_for == "an item in jobs, which is empty"


def test_join_of_a_consumer_that_nobody_stops(stage: Stage) -> None:
    jobs: queue.Queue[int] = queue.Queue()
    stage.exit.callback(jobs.put, -1)
    stage.start(consume, jobs)
    found = stage.diagnose()
    assert found.kind == "join of a thread that never ends"
    assert found.cycle == "main joins T1, which waits for an item in jobs, which is empty; no thread is left to put one"
    assert found.details == []


def get_simple(jobs: queue.SimpleQueue[int]) -> None:
    jobs.get()  # blocks


def test_get_from_an_empty_simple_queue(stage: Stage) -> None:
    jobs: queue.SimpleQueue[int] = queue.SimpleQueue()
    stage.exit.callback(jobs.put, -1)
    stage.start(get_simple, jobs)
    lock = taken_lock(stage)
    stage.start(take, lock)
    found = stage.diagnose(
        joined="T2", T1={"operation": "get", "resource": jobs}, T2={"resource": lock, "owner_ids": ["T1"]}
    )
    assert (found.kind, found.threads[1].waits_for) == ("get from an empty queue", "an item in jobs, which is empty")


def test_put_into_a_full_queue(stage: Stage) -> None:
    jobs: queue.Queue[int] = queue.Queue(2)
    stage.exit.callback(jobs.get)
    jobs.put(1)
    jobs.put(2)
    stage.start(jobs.put, 3)
    found = stage.diagnose()
    assert (found.kind, found.threads[1].waits_for) == (
        "put into a full queue",
        "room in jobs, which is full (2 of 2 items)",
    )


def test_future_never_completed(stage: Stage) -> None:
    future: Future[int] = Future()
    stage.exit.callback(future.set_result, 1)
    stage.start(future.result)
    stage.start(concurrent.futures.wait, [future])
    found = stage.diagnose()
    assert found.kind == "future never completed"
    assert (
        found.cycle == "T1 and T2 wait for the result of future, which no thread runs; no thread is left to complete it"
    )


def test_several_futures(stage: Stage) -> None:
    one: Future[int] = Future()
    two: Future[int] = Future()
    stage.exit.callback(one.set_result, 1)
    stage.exit.callback(two.set_result, 1)
    stage.start(concurrent.futures.wait, [one, two])
    assert stage.diagnose().threads[1].waits_for == "2 futures, which no thread runs"


def pool_of(stage: Stage, workers: int) -> ThreadPoolExecutor:
    pool = ThreadPoolExecutor(workers)
    stage.exit.callback(pool.shutdown)
    return pool


def add_workers(stage: Stage, pool: ThreadPoolExecutor) -> None:
    for thread in sorted(pool._threads, key=lambda each: each.name):
        stage.add(thread)


def test_pool_starvation(stage: Stage) -> None:
    pool = pool_of(stage, 2)
    inner: list[Future[int]] = []
    both = threading.Barrier(2)

    def outer() -> int:
        both.wait()
        future = pool.submit(int)
        inner.append(future)
        return future.result()

    tasks = [pool.submit(outer), pool.submit(outer)]
    until(lambda: len(inner) == 2)
    stage.start(tasks[0].result)
    add_workers(stage, pool)
    found = stage.diagnose()
    pool._max_workers = 3
    stage.exit.callback(pool.submit, int)  # makes a third worker, which runs what was queued
    assert found.kind == "pool starvation"
    assert found.cycle == "T2 and T3, the workers of pool, wait for tasks that only a worker of pool can run"
    assert {each.waits_for for each in found.threads[2:]} == {
        "the result of inner[0], queued in pool",
        "the result of inner[1], queued in pool",
    }
    assert found.threads[1].waits_for in {"the result of tasks[0], run by T2", "the result of tasks[0], run by T3"}


def test_starvation_of_a_pool_of_one(stage: Stage) -> None:
    pool = pool_of(stage, 1)
    inner: list[Future[int]] = []

    def outer() -> int:
        inner.append(pool.submit(int))
        return inner[0].result()

    pool.submit(outer)
    until(lambda: len(inner) == 1)
    add_workers(stage, pool)
    found = stage.diagnose()
    pool._max_workers = 2
    stage.exit.callback(pool.submit, int)  # makes a second worker, which runs what was queued
    assert found.kind == "pool starvation"
    assert found.cycle == "T1, a worker of pool, waits for a task that only a worker of pool can run"


def test_idle_workers_are_not_to_blame(stage: Stage) -> None:
    pool = pool_of(stage, 1)
    assert pool.submit(int).result() == 0
    done = threading.Event()
    stage.exit.callback(done.set)
    add_workers(stage, pool)
    stage.start(done.wait)
    found = stage.diagnose(joined="T2")
    assert found.kind == "event that is never set"
    assert found.details == ["main joins T2, which never ends: it waits for event done to be set."]
    assert (found.threads[1].state, found.threads[1].waits_for) == ("idle", "work, as an idle worker of pool")


def test_shutdown_of_a_pool_whose_worker_never_ends(stage: Stage) -> None:
    pool = pool_of(stage, 1)
    done = threading.Event()
    stage.exit.callback(done.set)
    task = pool.submit(done.wait)
    until(task.running)
    add_workers(stage, pool)
    stage.start(pool.shutdown)
    found = stage.diagnose()
    assert found.threads[2].waits_for == "T1 to end (shutdown of pool)"
    assert found.lines == [
        "event that is never set: T1 waits for event done to be set; no thread is left to set it",
        "main joins T1, which never ends: it waits for event done to be set.",
        "T2 joins T1, which never ends: it waits for event done to be set.",
    ]


def test_join_of_a_thread_that_is_not_controlled(stage: Stage) -> None:
    done = threading.Event()
    stage.exit.callback(done.set)
    other = threading.Thread(target=done.wait, name="other", daemon=True)
    other.start()
    stage.start(other.join)
    found = stage.diagnose()
    assert found.kind == "join of a thread that never ends"
    assert found.cycle == "T1 waits for thread other to end, which racecheck does not control; it did not end by itself"
    assert found.threads[1].waits_for == "thread other to end, which racecheck does not control"


def test_thread_without_a_frame() -> None:
    lock = threading.Lock()
    found = diagnose([BlockedThread("T1", "name", "work", "acquire", lock, owner_ids=["T1"])], [])
    assert found.cycle == "T1 holds Lock #1, wants Lock #1 again"
    assert found.threads[0].stack == []


def test_cycle_of_locks_goes_before_any_other() -> None:
    locks = [threading.Lock() for _ in range(4)]
    found = diagnose(
        [
            BlockedThread("T1", "", "", "acquire", locks[3], owner_ids=["T2"]),
            BlockedThread("T2", "", "", "join", holds=[(locks[3], None)], owner_ids=["T1"]),
            BlockedThread("T3", "", "", "acquire", locks[0], [(locks[2], None)], owner_ids=["T4"]),
            BlockedThread("T4", "", "", "acquire", locks[1], [(locks[0], None)], owner_ids=["T5"]),
            BlockedThread("T5", "", "", "acquire", locks[2], [(locks[1], None)], owner_ids=["T3"]),
        ],
        [],
    )
    assert found.kind == "lock-order cycle"
    assert found.details == ["T1 waits for Lock #1, held by T2.", "T2 joins T1, which never ends: it wants Lock #1."]


def test_unknown_operation() -> None:
    found = diagnose([BlockedThread("T1", "name", "work", "block")], [])
    assert found.lines == ["blocked for good: T1 waits for the end of its block; no thread is left to end that"]


def test_nothing_blocked_is_an_error() -> None:
    with pytest.raises(ValueError, match="no thread is blocked"):
        diagnose([], ["T1"])


def test_long_cycles_and_many_threads_stay_readable() -> None:
    locks = [threading.Lock() for _ in range(200)]
    ring = [
        BlockedThread(f"T{n}", "", "", "acquire", locks[n - 199], [(locks[n], None)], owner_ids=[f"T{(n + 1) % 200}"])
        for n in range(200)
    ]
    found = diagnose(ring, [])
    assert found.kind == "lock-order cycle"
    assert "; (193 more); T199 holds " in found.cycle
    assert len(found.cycle) < 400
    waiting = [BlockedThread(f"T{n}", "", "", "acquire", locks[n]) for n in range(200)]
    assert found.details == []
    assert diagnose(waiting, []).details[-1] == "195 more threads wait like these."
