"""Stress: what it finds, what it leaves alone, and what it says; through the engine alone."""

from __future__ import annotations

import _thread
import contextlib
import ctypes
import functools
import itertools
import os
import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TYPE_CHECKING

import pytest

from pytest_racecheck.engine import stressed
from pytest_racecheck.stress import deadlocks, fallback, search
from pytest_racecheck.stress.deadlocks import Watch
from pytest_racecheck.stress.hang import StressedRun
from pytest_racecheck.stress.pressure import Learnt, make_plan
from pytest_racecheck.stress.run import LOST, StressRun

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Engine


class Counter:
    """Has an update that is not atomic."""

    def __init__(self) -> None:
        self.value = 0

    def increment(self) -> None:
        value = self.value
        self.value = value + 1


def one() -> int:
    return 1


def process() -> tuple[object, ...]:
    """What a run changes for the whole process or the calling thread."""
    processor = os.sched_getaffinity(0), os.sched_getscheduler(0)
    return sys.getswitchinterval(), *processor, sys.gettrace(), threading.active_count()


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Whatever happened, the process is as it was before."""
    methods = [vars(threading.Thread)["start"], type(threading.Lock()).acquire, type(threading.RLock()).release]
    before = process()
    yield
    assert process() == before
    assert [vars(threading.Thread)["start"], type(threading.Lock()).acquire, type(threading.RLock()).release] == methods
    assert stressed.run is None


@pytest.fixture
def no_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is found is found before the time is over."""

    def struck(*_: object) -> None:
        os._exit(3)

    monkeypatch.setattr(StressedRun, "struck", struck)


def test_a_race_is_counted_and_found_again_under_control(engine: Engine) -> None:
    def body() -> None:
        counter = Counter()
        engine.together(counter.increment, counter.increment)
        assert counter.value == 2

    explored = engine.explore(body, strategy="stress", interleavings=60, seed=3)
    assert (explored.verdict, explored.result.strategy, explored.result.distinct) == ("race", "stress", 0)
    failure = explored.failure
    assert failure.token.startswith("rc1-")
    assert failure.reproduced == (10, 10)
    assert failure.clash_on == "counter.value"
    note = explored.result.notes[0]
    assert note.startswith("reproduced ")
    assert note.endswith("/59 under stress, and under control: what is shown, and the token, are from there")
    replayed = engine.explore(body, replay=failure.token)
    assert replayed.verdict == "race"


def test_what_control_cannot_see_is_found_and_told_without_a_token(engine: Engine) -> None:
    def body() -> None:
        counter = Counter()
        lock = threading.Lock()

        def work() -> None:
            for _ in range(10_000):
                value = counter.value
                value += one()
                counter.value = value
            with lock:
                pass

        engine.together(work, work)
        assert counter.value == 20_000

    explored = engine.explore(body, strategy="stress", interleavings=150, exclude=(__name__,))
    assert explored.verdict == "race"
    failure = explored.failure
    assert failure.token == ""
    failed, runs = failure.reproduced
    assert 1 <= failed <= runs <= 149
    assert "there is no token" in explored.result.notes[0]
    assert {step.thread for step in failure.steps} == {"main", "T1", "T2"}
    assert ("T1", "acquire", "with lock:") in {(step.thread, step.operation, step.source) for step in failure.steps}
    assert [step.n for step in failure.steps] == list(range(1, len(failure.steps) + 1))
    assert {thread.id: thread.function.rpartition(".")[2] for thread in failure.threads}["T1"] == "work"


@pytest.mark.usefixtures("no_time_out")
def test_a_deadlock_is_told_at_once_and_found_again_under_control(engine: Engine) -> None:
    def body() -> None:
        first, second = threading.Lock(), threading.Lock()

        def take(one: threading.Lock, other: threading.Lock) -> None:
            with one, other:
                pass

        engine.together(lambda: take(first, second), lambda: take(second, first))

    explored = engine.explore(body, strategy="stress", interleavings=100, timeout=100.0)
    assert explored.verdict == "deadlock"
    assert explored.failure.cause == "lock-order cycle"
    assert explored.failure.message == "T1 holds first, wants second; T2 holds second, wants first"
    assert explored.failure.token
    assert "and under control" in explored.result.notes[0]


@pytest.mark.usefixtures("no_time_out")
def test_waits_that_nothing_ends_are_deadlocks(engine: Engine) -> None:
    """Seen by stress alone: the serial run, under control, does not get there."""

    def lost() -> None:
        if stressed.run is None:
            return
        changed = threading.Condition()
        items: SimpleQueue[int] = SimpleQueue()

        def wait() -> None:
            with changed:
                changed.wait()

        engine.together(wait, items.get)

    explored = engine.explore(lost, strategy="stress", interleavings=2, timeout=100.0)
    assert explored.verdict == "deadlock"
    assert {thread.id: thread.waits_for for thread in explored.failure.threads} == {
        "main": "T1 to end",
        "T1": "a notify on changed",
        "T2": "an item in items, which is empty",
    }

    def cycle_while_others_go_on() -> None:
        if stressed.run is None:
            return
        first, second, met = threading.RLock(), threading.RLock(), threading.Barrier(2)
        over = threading.Event()

        def take(one: object, other: object) -> None:
            with one:  # type: ignore[attr-defined]
                met.wait()
                with other:  # type: ignore[attr-defined]
                    over.set()

        threading.Thread(target=take, args=(first, second), daemon=True).start()
        threading.Thread(target=take, args=(second, first), daemon=True).start()
        while not over.wait(0.05):
            pass

    explored = engine.explore(cycle_while_others_go_on, strategy="stress", interleavings=2, timeout=100.0)
    assert explored.verdict == "deadlock"
    assert explored.failure.cause == "lock-order cycle"


def test_a_thread_outside_may_still_free_what_all_wait_for(engine: Engine) -> None:
    handed = threading.Lock()
    handed.acquire()
    asked = threading.Event()

    def helper() -> None:
        while asked.wait():
            asked.clear()
            time.sleep(0.15)
            if over:
                return
            handed.release()

    over: list[bool] = []
    outside = threading.Thread(target=helper)
    outside.start()

    def body() -> None:
        if stressed.run is not None:
            asked.set()
            engine.together(handed.acquire)

    try:
        assert engine.passes(body, strategy="stress", interleavings=4)
    finally:
        over.append(True)
        asked.set()
        outside.join()


def test_a_lock_may_be_released_by_a_thread_that_sleeps(engine: Engine) -> None:
    """By the books both wait for each other, yet a third one ends that: no deadlock."""

    def body() -> None:
        if stressed.run is None:
            return
        first, second, met = threading.Lock(), threading.Lock(), threading.Barrier(3)

        def take(one: threading.Lock, other: threading.Lock) -> None:
            one.acquire()
            met.wait()
            other.acquire()

        threads = [threading.Thread(target=take, args=pair) for pair in ((first, second), (second, first))]
        for thread in threads:
            thread.start()
        met.wait()
        time.sleep(0.2)
        first.release()
        second.release()
        for thread in threads:
            thread.join()

    engine.passes(body, strategy="stress", interleavings=2)


def test_an_exception_in_a_thread_counts(engine: Engine) -> None:
    def body() -> None:
        if stressed.run is not None:
            engine.together([].pop, one)

    explored = engine.explore(body, strategy="stress", interleavings=5)
    assert isinstance(explored.error, IndexError)
    assert (explored.verdict, explored.failure.raised_in, explored.failure.reproduced) == ("race", "T1", (4, 4))


def test_a_hang_ends_and_the_rest_goes_on(engine: Engine) -> None:
    """A thread that computes, one that blocks and catches everything, and a main thread that spins."""
    flag = Counter()

    def body() -> None:
        if stressed.run is None:
            return

        def spin() -> None:
            while not flag.value:
                pass

        def stubborn() -> None:
            try:
                threading.Event().wait()
            except BaseException:  # noqa: BLE001 - that is the point
                lock = threading.Lock()
                with lock:
                    pass

        for target in (spin, stubborn):
            threading.Thread(target=target, daemon=True).start()
        spin()

    explored = engine.explore(body, strategy="stress", interleavings=3, timeout=0.3)
    assert explored.verdict == "hang"
    assert {thread.id for thread in explored.failure.threads} == {"main", "T1", "T2"}
    assert explored.result.first_failure == 1
    assert engine.passes(lambda: engine.together(one, one), strategy="stress", interleavings=5)


def test_the_same_seed_does_the_same(engine: Engine) -> None:
    """As far as that is up to racecheck: switch intervals, processors, chances."""
    plans: list[list[tuple[float, bool, bool, float]]] = []

    def body() -> None:
        if stressed.run is not None:
            plan = stressed.run.plan
            plans[-1].append((plan.switch_interval, plan.spread, plan.gather, sys.getswitchinterval()))
        engine.together(one, one)

    for seed in (1, 1, 2):
        plans.append([])
        engine.passes(body, strategy="stress", interleavings=12, seed=seed)
    assert plans[0] == plans[1] != plans[2]
    assert len({interval for interval, *_ in plans[0]}) > 2
    assert all(plan[0] == pytest.approx(plan[3]) for plan in plans[0])
    assert {spread for _, spread, *_ in plans[0]} == {True, False}


def test_sleeps_are_real_and_scaled(engine: Engine) -> None:
    def body() -> float:
        began = time.monotonic()
        engine.together(lambda: time.sleep(0.05), lambda: time.sleep(0.05))
        return time.monotonic() - began if stressed.run is not None else 0.0

    plain = engine.passes(body, strategy="stress", interleavings=3)
    scaled = engine.passes(body, strategy="stress", interleavings=3, sleep_scale=0.01)
    assert min(plain[1:]) >= 0.05
    assert min(scaled[1:]) < 0.05


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="the system has no policies of scheduling")
def test_threads_that_wake_up_may_interrupt_others(engine: Engine) -> None:
    policies: list[int] = []

    def body() -> None:
        policies.append(os.sched_getscheduler(0))
        engine.together(one, one)

    engine.passes(body, strategy="stress", interleavings=3)
    # The first one, serial, is controlled.
    assert policies == [os.SCHED_BATCH, *[os.SCHED_OTHER] * 2]


def test_stress_ends_when_its_time_is_over(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "TIME_LIMITS", 0.02)
    explored = engine.explore(
        lambda: engine.together(lambda: time.sleep(0.05), one), strategy="stress", interleavings=1_000, timeout=30.0
    )
    assert explored.verdict == "passed"
    assert explored.result.interleavings < 100
    assert "they run in real time, and had 0.6 s" in explored.result.notes[0]


def test_a_failure_of_a_late_machine_does_not_count(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    late: list[float] = []

    def body() -> None:
        threads = [threading.Thread(target=time.sleep, args=(0.01,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        run = stressed.run
        if run is not None:
            run.late(late[0])
            if run.seed.endswith(once):
                raise AssertionError("too late")

    once = ""
    late.append(0.02)
    explored = engine.explore(body, strategy="stress", interleavings=4)
    assert explored.verdict == "passed"
    assert explored.result.notes[0].startswith(
        "3 of 4 interleavings failed (AssertionError: too late), which does not count: the test measures time"
    )
    late[0] = 0.0
    monkeypatch.setattr(StressRun, "disturbed", False)
    assert engine.explore(body, strategy="stress", interleavings=4).verdict == "race"
    once = ":2"
    explored = engine.explore(body, strategy="stress", interleavings=4)
    assert (explored.verdict, explored.result.interleavings) == ("passed", 4)
    assert "1 of 4 interleavings failed" in explored.result.notes[0]
    assert "it came once" in explored.result.notes[0]


def test_what_threads_are_made_of_works(engine: Engine) -> None:
    """Conditions, timed waits, pools, raw threads, recursion of RLocks, all with the stand-ins of stress."""

    def body() -> list[object]:
        condition = threading.Condition()
        found: list[object] = []
        done = threading.Lock()
        done.acquire()

        def wait() -> None:
            with condition, condition:
                found.append(condition.wait_for(lambda: "go" in found, timeout=30))

        def go() -> None:
            with condition:
                found.append("go")
                condition.notify_all()

        engine.together(wait, go)
        _thread.start_new_thread(done.release, ())
        found.append(done.acquire(timeout=30))
        found.append(threading.Lock().acquire(blocking=False))
        with ThreadPoolExecutor(2) as pool:
            found += pool.map(abs, (-1, -2))
        found.append(done.acquire(timeout=0.001))
        return found

    for values in engine.passes(body, strategy="stress", interleavings=20):
        assert values == ["go", True, True, True, 1, 2, False]


def test_auto_goes_over_when_the_baton_is_taken_away_time_and_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not hasattr(time, "pthread_getcpuclockid"):
        pytest.skip("whether a thread blocks can't be told here")
    monkeypatch.setattr(fallback, "TIMES", 1)
    block = ctypes.CDLL(None).usleep
    # The first time, it takes up to 50 ms until it is noticed.
    microseconds = itertools.chain([200_000], itertools.repeat(15_000))

    def body() -> None:
        lock = threading.Lock()

        def work() -> None:
            for _ in range(10):
                block(next(microseconds))
                with lock:
                    pass

        engine.together(work, work)

    explored = engine.explore(body, interleavings=8)
    assert (explored.verdict, explored.result.strategy, explored.result.interleavings) == ("passed", "stress", 8)
    assert explored.result.warnings[0] == (
        "is not controlled, only put under stress: in each of 3 interleavings its threads blocked at least 1 times "
        "where racecheck can't tell for what"
    )


def test_under_the_model_gil_nobody_interferes_at_memory(engine: Engine) -> None:
    """What fails then, fails on this very interpreter."""

    def body() -> None:
        counter, lock = Counter(), threading.Lock()

        def check_then_act() -> None:
            with lock:
                value = counter.value
            with lock:
                counter.value = value + 1

        engine.together(check_then_act, check_then_act)
        if stressed.run is not None:
            assert counter.value == 2

    explored = engine.explore(body, strategy="stress", model="gil", interleavings=100)
    assert (explored.verdict, explored.failure.under_gil) == ("race", "reachable")
    steps = {step.operation for step in explored.failure.steps}
    assert "acquire" in steps
    assert not steps & {"read", "write"}


def test_what_was_made_under_stress_works_under_control(engine: Engine) -> None:
    """A condition keeps methods of its lock: here those of stress, in the controlled search that follows."""
    made: list[threading.Condition] = []
    plain: list[threading.Condition] = []

    def body() -> None:
        if stressed.run is not None and not made:
            made.append(threading.Condition())
            plain.append(threading.Condition(threading.Lock()))
        for condition in made + plain:
            turns: list[int] = []

            def take(condition: threading.Condition, turns: list[int]) -> None:
                condition.acquire()
                turns.append(1)
                condition.notify_all()
                while len(turns) < 2:
                    condition.wait()
                condition.release()

            engine.together(*(functools.partial(take, condition, turns) for _ in range(2)))
        if stressed.run is not None:
            raise AssertionError("to be looked for under control")

    explored = engine.explore(body, strategy="stress", interleavings=40)
    assert (explored.verdict, explored.failure.token) == ("race", "")
    assert explored.failure.reproduced == (39, 39)
    assert engine.passes(body)


def test_a_thread_that_blocks_for_good_ends_when_it_wakes_up(engine: Engine) -> None:
    reading, writing = os.pipe()
    went_on: list[str] = []
    lost: list[threading.Thread] = []

    def body() -> None:
        if stressed.run is None or lost:
            return
        lock = threading.Lock()
        begun = threading.Event()

        def read() -> None:
            begun.set()
            os.read(reading, 1)
            with lock:
                went_on.append("on")

        lost.append(threading.Thread(target=read))
        lost[0].start()
        begun.wait()
        raise AssertionError("stop here")

    def again() -> None:
        if stressed.run is not None:
            os.write(writing, b"x")
            lost[0].join()

    try:
        assert engine.explore(body, strategy="stress", interleavings=2).verdict == "race"
        assert LOST
        engine.passes(again, strategy="stress", interleavings=2)
    finally:
        os.close(reading)
        os.close(writing)
    assert not went_on
    assert not LOST


def test_an_atomic_block_is_left_alone(engine: Engine) -> None:
    def body() -> int:
        counter = Counter()

        def work() -> None:
            with contextlib.nullcontext() if stressed.run is None else stressed.run.atomic():
                for _ in range(300):
                    counter.increment()

        engine.together(work, work, work)
        return counter.value

    assert set(engine.passes(body, strategy="stress", interleavings=25)) == {900}


def test_a_deadlock_needs_testimonies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The books alone may be late: a thread that got its lock writes that down a moment later."""
    # A thread that another test has left would get its time to help.
    monkeypatch.setattr(deadlocks, "outsiders", lambda run: False)
    learnt = Learnt()
    run = StressRun("0:0", make_plan(0, random.Random(0), learnt), learnt, None, 1.0)
    watch = Watch()
    try:
        other = run.register("0.1", None, "work")
        run.main.waits, other.waits = threading.Lock(), threading.Lock()

        def look(testimonies: int) -> object:
            for thread in (run.main, other):
                thread.beats += testimonies
            watch._look(run, time.monotonic())
            return run.over

        assert look(0) is None
        assert look(1) is None
        other.ops += 1  # it had its lock, and waits for the next one
        assert look(5) is None
        assert look(1) is None
        assert look(1) == "deadlock"
    finally:
        watch.stop()
