"""Loops that wait for others, or go on until a clock says stop, are over after few turns."""

from __future__ import annotations

import datetime
import itertools
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from pytest_racecheck.engine import current

if TYPE_CHECKING:
    from tests.conftest import Engine

Body = Callable[["Engine"], object]

#: Far fewer than a loop does that nobody cuts short: a million, or one each microsecond.
FEW = 100_000


def operations() -> int:
    """How many operations all threads have done in this run."""
    assert current.thread is not None
    return sum(thread.ops for thread in current.thread.scheduler.threads)


def until_queue_has_something(engine: Engine) -> None:
    items: queue.Queue[int] = queue.Queue()

    def wait() -> None:
        while items.empty():
            pass
        assert items.get_nowait() == 1

    engine.together(wait, lambda: (time.sleep(1), items.put(1)))


def until_futures_are_done(engine: Engine) -> None:
    with ThreadPoolExecutor(2) as pool:
        futures: list[Future[None]] = [pool.submit(time.sleep, 1) for _ in range(3)]
        while not all(future.done() for future in futures):
            pass


def until_threads_have_ended(engine: Engine) -> None:
    threads = [threading.Thread(target=time.sleep, args=(1,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    while True:
        alive = [thread for thread in threads if thread.is_alive()]
        if not alive:
            break


def until_no_other_thread_is_left(engine: Engine) -> None:
    before = threading.active_count()
    for _ in range(2):
        threading.Thread(target=time.sleep, args=(1,)).start()
    while threading.active_count() > before:
        pass


def until_all_others_have_ended(engine: Engine) -> None:
    before = threading.enumerate()
    for _ in range(2):
        threading.Thread(target=time.sleep, args=(1,)).start()
    while [thread for thread in threading.enumerate() if thread not in before]:
        pass


def until_a_thread_has_been_started(engine: Engine) -> None:
    thread = threading.Thread(target=str)

    def wait() -> None:
        while thread.ident is None:
            pass

    engine.together(wait, lambda: (time.sleep(1), thread.start()))
    thread.join()


def until_there_is_something_to_take(engine: Engine) -> None:
    items: deque[int] = deque()

    def wait() -> None:
        while True:
            try:
                items.popleft()
                return
            except IndexError:
                continue

    engine.together(wait, lambda: (time.sleep(1), items.append(1)))


def waiting_for_no_time(engine: Engine) -> None:
    event = threading.Event()

    def wait() -> None:
        while not event.wait(0):
            pass

    engine.together(wait, lambda: (time.sleep(1), event.set()))


def counting(engine: Engine) -> None:
    flag: list[int] = []

    def wait() -> None:
        tries = 0
        while not flag:
            tries += 1

    engine.together(wait, wait, lambda: (time.sleep(1), flag.append(1)))


def counting_for_ever(engine: Engine) -> None:
    flag: list[int] = []

    def wait() -> None:
        for _ in itertools.count():
            if flag:
                break

    engine.together(wait, lambda: (time.sleep(1), flag.append(1)))


def counting_attempts(engine: Engine) -> None:
    lock = threading.Lock()

    def wait() -> None:
        time.sleep(0.1)
        tries = 0
        while not lock.acquire(blocking=False):
            tries += 1
        lock.release()

    def hold() -> None:
        with lock:
            time.sleep(1)

    engine.together(wait, hold)


def counting_while_another_waits_long(engine: Engine) -> None:
    flag: list[int] = []

    def wait() -> None:
        tries = 0
        while not flag:
            tries += 1

    engine.together(wait, lambda: (threading.Event().wait(60), flag.append(1)))


def giving_way(engine: Engine) -> None:
    flag: list[int] = []

    def wait() -> None:
        while not flag:
            time.sleep(0)

    engine.together(wait, wait, lambda: (time.sleep(1), flag.append(1)))


POLLS = [
    until_queue_has_something,
    until_futures_are_done,
    until_threads_have_ended,
    until_no_other_thread_is_left,
    until_all_others_have_ended,
    until_a_thread_has_been_started,
    until_there_is_something_to_take,
    waiting_for_no_time,
    counting,
    counting_for_ever,
    counting_attempts,
    counting_while_another_waits_long,
    giving_way,
]


def until_time_is_up(engine: Engine) -> None:
    """Two that work on what they share."""
    lock = threading.Lock()
    done = [0]

    def work() -> None:
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            with lock:
                done[0] += 1

    engine.together(work, work)
    assert done[0] > 60


def until_time_is_up_by_a_variable(engine: Engine) -> None:
    done = [0]

    def work() -> None:
        start = time.perf_counter()
        while True:
            elapsed = time.perf_counter() - start
            if elapsed > 0.3:
                break
            done[0] += 1

    engine.together(work, work)


def until_it_is_late(engine: Engine) -> None:
    done = [0]

    def work() -> None:
        end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=0.3)
        while datetime.datetime.now(datetime.UTC) < end:
            done[0] += 1

    engine.together(work, work)


def until_a_helper_says_so(engine: Engine) -> None:
    done = [0]

    class Budget:
        def __init__(self) -> None:
            self.end = time.time() + 0.3

        def is_left(self) -> bool:
            return time.time() < self.end

    def work() -> None:
        budget = Budget()
        while budget.is_left():
            done[0] += 1

    engine.together(work, work)


def until_told_or_time_is_up(engine: Engine) -> None:
    stop = threading.Event()
    done = [0]

    def work() -> None:
        end = time.monotonic() + 0.3
        while not stop.is_set() and time.monotonic() < end:
            done[0] += 1

    engine.together(work, work)


def feeding_another(engine: Engine) -> None:
    items: queue.Queue[int | None] = queue.Queue()

    def produce() -> None:
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            items.put(1)
        items.put(None)

    def consume() -> None:
        while items.get(timeout=5) is not None:
            pass

    engine.together(produce, consume)


def while_another_sleeps(engine: Engine) -> None:
    done = [0]
    slept_at: list[int] = []

    def work() -> None:
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            done[0] += 1

    def sleep() -> None:
        time.sleep(0.1)
        slept_at.append(done[0])

    engine.together(work, sleep, work)
    assert slept_at[0] < done[0] - 2, "woken in the middle"


CLOCKS = [
    until_time_is_up,
    until_time_is_up_by_a_variable,
    until_it_is_late,
    until_a_helper_says_so,
    until_told_or_time_is_up,
    feeding_another,
    while_another_sleeps,
]


@pytest.mark.parametrize("strategy", ["random", "auto"])
@pytest.mark.parametrize("body", [*POLLS, *CLOCKS])
def test_it_ends_after_few_turns(engine: Engine, body: Body, strategy: str) -> None:
    def counted() -> int:
        body(engine)
        return operations()

    def explored() -> list[int]:
        return engine.passes(counted, strategy=strategy, interleavings=3, timeout=60.0, nodeid=strategy)

    found = explored()
    assert max(found) < FEW
    assert explored() == found


@pytest.mark.parametrize("body", [counting, until_time_is_up])
def test_where_the_interpreter_switches_only(engine: Engine, body: Body) -> None:
    found = engine.passes(
        lambda: (body(engine), operations())[1], strategy="random", model="gil", interleavings=4, timeout=60.0
    )
    assert max(found) < FEW


def until_an_event_is_set(engine: Engine) -> None:
    stop = threading.Event()
    turns = [0, 0]

    def work(mine: int) -> None:
        while not stop.is_set():
            turns[mine] += 1

    engine.together(lambda: work(0), lambda: work(1), lambda: (time.sleep(1), stop.set()))


def until_it_runs_no_longer(engine: Engine) -> None:
    class Worker(threading.Thread):
        running = True
        turns = 0

        def run(self) -> None:
            while self.running:
                self.work()

        def work(self) -> None:
            for _ in range(2):
                self.turns += 1

    worker = Worker()
    worker.start()
    seen = []
    for _ in range(3):
        time.sleep(1)
        seen.append(worker.turns)
    worker.running = False
    worker.join()
    assert 0 < seen[0] < seen[1] < seen[2]


def until_a_flag_shows_in_an_endless_loop(engine: Engine) -> None:
    class Shared:
        stop = False
        turns = 0

    def work() -> None:
        for number in itertools.count():
            if Shared.stop:
                break
            Shared.turns = number

    engine.together(work, lambda: (time.sleep(1), setattr(Shared, "stop", True)))


def until_told_giving_way_in_each_turn(engine: Engine) -> None:
    stop = threading.Event()
    turns = [0]

    def work() -> None:
        while not stop.is_set():
            turns[0] += 1
            time.sleep(0)

    engine.together(work, lambda: (time.sleep(1), stop.set()))


def until_a_function_says_so(engine: Engine) -> None:
    stop = False
    turns = [0]

    def is_over() -> bool:
        return stop

    def work() -> None:
        while True:
            turns[0] += 1
            if is_over():
                break

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(1)
    stop = True
    thread.join()


def until_it_says_so_itself(engine: Engine) -> None:
    class Worker(threading.Thread):
        def __init__(self) -> None:
            super().__init__()
            self.told = threading.Event()
            self.turns = 0

        def is_stopped(self) -> bool:
            return self.told.is_set()

        def run(self) -> None:
            while not self.is_stopped():
                self.turns += 1

    worker = Worker()
    worker.start()
    time.sleep(1)
    worker.told.set()
    worker.join()


def until_there_is_progress(engine: Engine) -> None:
    class Shared:
        done = 0

    shown = []

    def show() -> None:
        while Shared.done < 2:
            shown.append(Shared.done)

    def work() -> None:
        Shared.done = 0
        for _ in range(2):
            time.sleep(1)
            Shared.done += 1

    engine.together(show, work)


TOLD = [
    until_a_function_says_so,
    until_it_says_so_itself,
    until_there_is_progress,
    until_an_event_is_set,
    until_it_runs_no_longer,
    until_a_flag_shows_in_an_endless_loop,
    until_told_giving_way_in_each_turn,
]


@pytest.mark.parametrize("strategy", ["random", "pct", "exhaustive"])
@pytest.mark.parametrize("body", TOLD)
def test_work_until_one_who_sleeps_long_says_stop(engine: Engine, body: Body, strategy: str) -> None:
    def counted() -> int:
        body(engine)
        return operations()

    found = engine.passes(counted, strategy=strategy, interleavings=3, timeout=60.0)
    assert len(found) == 3, "none was cut"
    assert max(found) < FEW


@pytest.mark.parametrize("strategy", ["random", "auto"])
def test_what_races_in_such_a_loop_is_found(engine: Engine, strategy: str) -> None:
    def body() -> None:
        class Counter:
            value = 0

        turns: list[int] = []

        def work() -> None:
            mine = 0
            end = time.monotonic() + 0.1
            while time.monotonic() < end:
                Counter.value += 1
                mine += 1
            turns.append(mine)

        engine.together(work, work)
        assert Counter.value == sum(turns)

    assert engine.explore(body, strategy=strategy, timeout=60.0).verdict == "race"


def test_how_often_it_goes_round_is_not_proved(engine: Engine) -> None:
    """It depends on what others do meanwhile, which has nothing to do with it."""

    def body() -> None:
        def work() -> None:
            end = time.monotonic() + 0.1
            done = []
            while time.monotonic() < end:
                done.append(1)

        engine.together(work, lambda: [].append(1))

    explored = engine.explore(body, strategy="exhaustive", timeout=60.0)
    assert explored.verdict == "passed"
