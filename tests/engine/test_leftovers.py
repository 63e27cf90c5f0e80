"""Nothing is left behind, whatever a test did."""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import queue
import random
import signal
import sys
import threading
import time
import types
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.thread import _threads_queues
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from pytest_racecheck.engine import current

if TYPE_CHECKING:
    from tests.conftest import Engine

LOCK = threading.Lock()
KEPT: list[ThreadPoolExecutor] = []


def state() -> list[object]:
    tools = [sys.monitoring.get_tool(n) for n in range(6)] if sys.version_info >= (3, 12) else []
    processor = (os.sched_getaffinity(0), os.sched_getscheduler(0)) if hasattr(os, "sched_getaffinity") else None
    hooks = [threading.excepthook, sys.gettrace(), threading.gettrace()]
    found: list[object] = [set(threading.enumerate()), *hooks, tools, gc.isenabled(), processor, random.getstate()]
    found += [sys.getswitchinterval(), signal.getsignal(signal.SIGINT)]
    return [*found, current.thread, current.concurrent, LOCK.locked()]


def blocked_forever() -> None:
    threading.Thread(target=queue.Queue[int]().get, daemon=True).start()


def endless_daemon() -> None:
    def beat() -> None:
        while True:
            time.sleep(1)

    threading.Thread(target=beat, daemon=True).start()


def lock_kept() -> None:
    assert LOCK.acquire(blocking=False), "left over from the interleaving before"
    threading.Thread(target=int).start()


def finally_that_blocks() -> None:
    def work() -> None:
        try:
            queue.Queue[int]().get()
        finally:
            queue.Queue[int]().get()

    threading.Thread(target=work, daemon=True).start()


def deadlock() -> None:
    thread = threading.Thread(target=LOCK.acquire)
    with LOCK:
        thread.start()
        thread.join()


def exception_in_thread() -> None:
    thread = threading.Thread(target=lambda: 1 // 0)
    thread.start()
    thread.join()


def swallows_everything_once() -> None:
    def work() -> None:
        with contextlib.suppress(BaseException):
            queue.Queue[int]().get()
        LOCK.locked()

    threading.Thread(target=work, daemon=True).start()


def swallows_everything_for_ever() -> None:
    def work() -> None:
        while True:
            try:
                queue.Queue[int]().get()
            except BaseException:  # noqa: BLE001 - that is the point
                continue

    threading.Thread(target=work, daemon=True).start()


def spins_and_swallows_everything() -> None:
    stop: list[int] = []

    def work() -> None:
        while True:
            with contextlib.suppress(BaseException):
                LOCK.locked()
                stop.append(len(stop))
                if len(stop) > 50:
                    queue.Queue[int]().get()

    threading.Thread(target=work, daemon=True).start()


def excepthook_of_its_own() -> None:
    told: list[object] = []
    before, threading.excepthook = threading.excepthook, told.append
    try:
        thread = threading.Thread(target=lambda: 1 // 0)
        thread.start()
        thread.join()
    finally:
        threading.excepthook = before
    assert len(told) == 1


def pool_never_shut_down() -> None:
    pool = ThreadPoolExecutor(max_workers=3)
    assert list(pool.map(abs, [-1, 2, -3])) == [1, 2, 3]


def pool_with_a_task_that_never_ends() -> None:
    pool = ThreadPoolExecutor(max_workers=2)
    pool.submit(queue.Queue[int]().get)
    assert pool.submit(abs, -1).result() == 1


def pool_that_outlives_its_test() -> None:
    KEPT.append(ThreadPoolExecutor(max_workers=2))
    assert KEPT[-1].submit(abs, -1).result() == 1


def daemon_workers() -> None:
    tasks: queue.Queue[int] = queue.Queue()
    done: list[int] = []

    def work() -> None:
        while True:
            done.append(tasks.get())
            tasks.task_done()

    for _ in range(3):
        threading.Thread(target=work, daemon=True).start()
    for number in range(4):
        tasks.put(number)
    tasks.join()
    assert sorted(done) == [0, 1, 2, 3]


def timers_never_cancelled() -> None:
    for seconds in (1, 3600):
        timer = threading.Timer(seconds, LOCK.locked)
        timer.daemon = True
        timer.start()


def trace_functions_of_its_own() -> None:
    def trace(*_: object) -> None:
        return None

    before = threading.gettrace()
    threading.settrace(trace)
    try:
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()
    finally:
        threading.settrace(before)  # type: ignore[arg-type]


def fails_later() -> None:
    count = [0]

    def work() -> None:
        seen = count[0]
        count[0] = seen + 1

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    threading.Thread(target=queue.Queue[int]().get, daemon=True).start()
    assert count[0] == 2


def skips() -> None:
    threading.Thread(target=queue.Queue[int]().get, daemon=True).start()
    pytest.skip("not here")


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        (blocked_forever, "good"),
        (endless_daemon, "good"),
        (lock_kept, "good"),
        (finally_that_blocks, "good"),
        (deadlock, "deadlock"),
        (exception_in_thread, "serial-failure"),
        (swallows_everything_once, "good"),
        (swallows_everything_for_ever, "good"),
        (spins_and_swallows_everything, "good"),
        (excepthook_of_its_own, "good"),
        (pool_never_shut_down, "good"),
        (pool_with_a_task_that_never_ends, "good"),
        (pool_that_outlives_its_test, "good"),
        (daemon_workers, "good"),
        (timers_never_cancelled, "good"),
        (trace_functions_of_its_own, "good"),
        (fails_later, "race"),
    ],
)
def test_nothing_is_left(engine: Engine, body: Callable[[], None], verdict: str) -> None:
    before = state()
    explored = engine.explore(body, interleavings=12)
    KEPT.clear()
    assert ("good" if explored.verdict in ("passed", "proved") else explored.verdict) == verdict
    assert state() == before
    engine.passes(deadlock_free, interleavings=4)


def deadlock_free() -> None:
    with LOCK:
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()


def test_workers_of_pools_do_not_pile_up(engine: Engine) -> None:
    before = len(_threads_queues)
    engine.passes(pool_never_shut_down, interleavings=20, strategy="random")
    gc.collect()
    assert len(_threads_queues) < before + 10, "those of the last runs, and not of all"


def test_nothing_is_left_of_a_skip(engine: Engine) -> None:
    before = state()
    with pytest.raises(pytest.skip.Exception):
        engine.explore(skips)
    assert state() == before


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_nothing_is_left_of_an_interrupt(engine: Engine, error: type[BaseException]) -> None:
    before = state()

    def body() -> None:
        blocked_forever()
        raise error

    with contextlib.suppress(KeyboardInterrupt):
        assert engine.explore(body, interleavings=4).verdict == "serial-failure"
    assert state() == before


def test_each_interleaving_starts_from_nothing(engine: Engine) -> None:
    def body() -> int:
        alive = threading.active_count()
        for leave in (blocked_forever, pool_never_shut_down, daemon_workers):
            leave()
        return alive

    assert len(set(engine.passes(body, interleavings=12, strategy="random"))) == 1


class Lazy:
    @functools.cached_property
    def value(self) -> int:
        return 1


@pytest.mark.parametrize("strategy", ["random", "exhaustive"])
def test_what_a_thread_was_about_to_call_is_not_kept(engine: Engine, strategy: str) -> None:
    """A cached property that another thread has filled meanwhile is not computed, though that was announced."""
    made: list[weakref.ref[Lazy]] = []

    def body() -> None:
        assert not [each for each in made if each() is not None]
        lazy = Lazy()
        made.append(weakref.ref(lazy))
        engine.together(*[lambda: lazy.value] * 3)

    engine.passes(body, strategy=strategy, interleavings=50)


SESSION = """
    import os, queue, sys, threading
    from concurrent.futures import ThreadPoolExecutor

    import pytest

    def state():
        tools = [sys.monitoring.get_tool(n) for n in range(6)] if sys.version_info >= (3, 12) else []
        mask = (os.sched_getaffinity(0), os.sched_getscheduler(0)) if hasattr(os, "sched_getaffinity") else None
        hooks = threading.excepthook is HOOK, sys.gettrace(), threading.gettrace()
        return threading.active_count(), threading._shutdown is SHUTDOWN, tools, mask, hooks, sys.getswitchinterval()

    HOOK, SHUTDOWN = threading.excepthook, threading._shutdown
    BEFORE = []

    def test_before():
        BEFORE.append(state())

    def swallow():
        while True:
            try:
                queue.Queue().get()
            except BaseException:
                pass

    @pytest.mark.race(interleavings=5)
    def test_swallows():
        threading.Thread(target=swallow, daemon=True).start()

    @pytest.mark.race(interleavings=5)
    def test_pool():
        assert ThreadPoolExecutor(2).submit(int).result() == 0

    @pytest.mark.race(interleavings=5)
    def test_workers(racecheck):
        tasks = queue.Queue()
        for _ in range(2):
            threading.Thread(target=lambda: [tasks.get() for _ in range(9)], daemon=True).start()
        tasks.put(1)

    @pytest.mark.race(interleavings=5)
    def test_hook(monkeypatch):
        monkeypatch.setattr(threading, "excepthook", lambda args: None)
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()

    def test_after():
        assert state()[:2] == BEFORE[0][:2]
        assert state()[2:5] == BEFORE[0][2:5]
        assert state()[5] == BEFORE[0][5]
"""


def test_a_session_ends_by_itself_and_says_nothing_afterwards(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(SESSION)
    result = pytester.runpytest_subprocess("-p", "racecheck", "-W", "error", timeout=60)
    result.assert_outcomes(passed=6)
    assert result.stderr.str() == ""
    assert " passed in " in result.outlines[-1]


@pytest.mark.parametrize("where", ["main", "thread"])
def test_a_defect_of_a_strategy_is_no_failure_of_the_test(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def broken(self: object, ready: list[Any], last: Any, can_go_on: bool) -> Any:
        raise KeyError("a defect")

    from pytest_racecheck.strategy import random_walk

    # As if it stood in that module: that is where it counts from.
    code = types.FunctionType(broken.__code__, vars(random_walk) | {"KeyError": KeyError})
    monkeypatch.setattr(random_walk.RandomWalk, "choose", code)
    shared: list[int] = []

    def work() -> None:
        shared.append(1)

    def body() -> None:
        if where == "main":
            threading.Thread(target=work).start()
            shared.append(2)
        else:
            engine.together(work, work)

    before = threading.active_count()
    with pytest.raises(RuntimeError, match="racecheck itself failed, not the test"):
        engine.explore(body, strategy="random")
    assert threading.active_count() <= before  # a thread of an earlier test may have ended meanwhile


class Thing:
    """What a thread has in hand."""

    seen: ClassVar[list[weakref.ref[Thing]]] = []

    def __init__(self) -> None:
        self.seen.append(weakref.ref(self))


def race(engine: Engine) -> None:
    counts = [0]

    def work() -> None:
        thing = Thing()
        counts[0] += 1
        del thing

    engine.together(work, work)
    assert counts == [2]


def block_each_other(engine: Engine) -> None:
    first, second = threading.Lock(), threading.Lock()

    def work(mine: threading.Lock, its: threading.Lock) -> None:
        thing = Thing()
        with mine, its:
            del thing

    engine.together(lambda: work(first, second), lambda: work(second, first))


@pytest.mark.parametrize("program", [race, block_each_other])
def test_what_threads_had_in_hand_goes_without_the_collector(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, program: Callable[[Engine], None]
) -> None:
    """Who looks at their frames must not hold its own: some things do not survive being collected."""
    Thing.seen.clear()
    with monkeypatch.context() as patched:
        patched.setattr(gc, "collect", lambda *_: 0)
        patched.setattr(gc, "enable", lambda: None)
        verdict = engine.explore(lambda: program(engine)).verdict
        left = sum(each() is not None for each in Thing.seen)
    gc.enable()
    assert verdict in ("race", "deadlock")
    assert len(Thing.seen) > 10
    assert left == 0
