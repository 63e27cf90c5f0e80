"""Work takes next to no time: no time-out passes because of it. But it ends when a sleeper says so."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import pytest

from pytest_racecheck.engine import points
from pytest_racecheck.engine.points import FUTILE
from pytest_racecheck.engine.runner import Runner

if TYPE_CHECKING:
    from tests.conftest import Engine

#: The last one is all of them by turns.
STRATEGIES = ["random", "pct", "auto"]

#: More than a thread deals with before it seems to do nothing else.
ITEMS = 24_000


class Table:
    """Only read: nothing that a computation does shows to others."""

    def __init__(self) -> None:
        self.rows = list(range(3000))
        self.factor = 2

    def total(self) -> int:
        total = 0
        for index in range(len(self.rows)):
            total += self.rows[index] * self.factor
        return total

    def largest(self, index: int = 0) -> int:
        index = len(self.rows) - 1 if index == 0 else index
        while index > 1 and self.rows[index] <= self.rows[index - 1] * self.factor:
            index -= 1
        return index


def a_result_is_computed(engine: Engine) -> None:
    table = Table()
    results: queue.Queue[int] = queue.Queue()
    thread = threading.Thread(target=lambda: results.put(table.total()))
    thread.start()
    assert results.get(timeout=5)
    thread.join()


def two_compute(engine: Engine) -> None:
    table = Table()
    done = threading.Semaphore(0)

    def compute() -> None:
        table.total()
        done.release()

    threads = [threading.Thread(target=compute) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert all(done.acquire(timeout=1) for _ in threads)
    for thread in threads:
        thread.join()


def one_computes_while_another_polls(engine: Engine) -> None:
    table = Table()
    found: list[int] = []
    ready = threading.Event()

    def poll() -> None:
        while not found:
            pass
        ready.set()

    threads = [threading.Thread(target=poll), threading.Thread(target=lambda: found.append(table.largest()))]
    for thread in threads:
        thread.start()
    assert ready.wait(5)
    for thread in threads:
        thread.join()


def in_an_event_loop(coroutine: Callable[[], Coroutine[Any, Any, int]]) -> Callable[[Engine], None]:
    def body(engine: Engine) -> None:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            assert asyncio.run_coroutine_threadsafe(coroutine(), loop).result(5) == 5
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    return body


async def sleep_once() -> int:
    await asyncio.sleep(0.01)
    return 5


async def give_way_often() -> int:
    for _ in range(100):
        await asyncio.sleep(0)
    return 5


async def wait_for_each_other() -> int:
    found: asyncio.Queue[int] = asyncio.Queue()

    async def send() -> None:
        await asyncio.sleep(0.2)
        await found.put(5)

    sender = asyncio.create_task(send())
    result = await asyncio.wait_for(found.get(), 1)
    await sender
    return result


def somebody_sleeps_while_one_adds(engine: Engine) -> None:
    """What is read in each turn is the same, and yet it ends."""
    table = Table()
    results: list[int] = []

    def add() -> None:
        total = 0
        for _ in range(3000):
            total += table.factor
        results.append(total)

    def look() -> None:
        time.sleep(1)
        assert results

    engine.together(add, look)


class Busy:
    """Somebody works until the clock says stop, which must not make time pass for others who do something else."""

    def __init__(self) -> None:
        self.turns = 0
        self.done: dict[int, int] = {}
        self.results: queue.Queue[int] = queue.Queue()

    def turn_by_the_clock(self) -> None:
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            self.turns += 1

    def work(self) -> None:
        for number in range(300):
            self.done[number] = self.turns
        self.results.put(len(self.done))


def somebody_waits(engine: Engine) -> None:
    busy = Busy()
    engine.together(busy.turn_by_the_clock, busy.work, lambda: busy.results.get(timeout=0.02), busy.turn_by_the_clock)


def somebody_sleeps(engine: Engine) -> None:
    busy = Busy()

    def look() -> None:
        time.sleep(0.02)
        assert len(busy.done) == 300

    engine.together(busy.turn_by_the_clock, busy.work, look)


def somebody_sleeps_while_another_works_until_told(engine: Engine) -> None:
    """Who has other things to do gets them done first."""
    busy = Busy()
    stop = threading.Event()

    def work_until_told() -> None:
        while not stop.is_set():
            busy.turns += 1

    def look() -> None:
        time.sleep(1)
        stop.set()
        assert sum(busy.done) == sum(range(3000))

    def work() -> None:
        for number in range(3000):
            busy.done[number] = busy.turns

    engine.together(work_until_told, work, look)


def sleeps_while(engine: Engine, work: Callable[[], None], is_done: Callable[[], bool]) -> None:
    def look() -> None:
        time.sleep(1)
        assert is_done()

    engine.together(work, look)


def a_loop_that_takes_all_there_is(engine: Engine) -> None:
    """However long that takes: nobody tells it to stop."""
    items = list(range(6000))
    done = [0]

    def drain() -> None:
        while items:
            done[0] += items.pop()

    sleeps_while(engine, drain, lambda: not items)


def a_loop_that_takes_all_there_is_in_a_queue(engine: Engine) -> None:
    items: queue.Queue[int] = queue.Queue()
    for number in range(2000):
        items.put(number)
    taken: list[int] = []

    def drain() -> None:
        while not items.empty():
            taken.append(items.get())

    sleeps_while(engine, drain, lambda: len(taken) == 2000)


def a_loop_that_asks_how_far_it_is(engine: Engine) -> None:
    class Steps:
        done = 0

        def are_over(self) -> bool:
            return self.done == 8000

        def go_on(self) -> None:
            self.done += 1

    steps = Steps()

    def work() -> None:
        while not steps.are_over():
            steps.go_on()

    sleeps_while(engine, work, steps.are_over)


def one_has_left_its_loop(engine: Engine) -> None:
    busy = Busy()

    def work() -> None:
        end = time.monotonic() + 0.1
        while time.monotonic() < end:
            busy.turns += 1
        busy.work()

    engine.together(work, busy.turn_by_the_clock)
    engine.together(work, lambda: (busy.turn_by_the_clock(), busy.results.get_nowait()))


def work_that_is_awaited_in_such_a_loop(engine: Engine) -> None:
    busy = Busy()

    def wait() -> None:
        end = time.monotonic() + 0.05
        while time.monotonic() < end:
            busy.turns += 1
            if not busy.results.empty():
                return
        raise AssertionError

    engine.together(wait, busy.work)


def a_deadline_for_what_a_loop_does(engine: Engine) -> None:
    items = list(range(500))

    def drain() -> None:
        end = time.monotonic() + 1
        while time.monotonic() < end:
            if not items:
                break
            items.pop()

    engine.together(drain)
    assert not items


def a_time_out_for_each_turn(engine: Engine) -> None:
    """The library looks at the clock, for something else than the loop."""
    items: queue.Queue[int] = queue.Queue()
    for number in reversed(range(200)):
        items.put(number)
    took: list[float] = []

    def drain() -> None:
        start = time.monotonic()
        while items.get(timeout=5):
            pass
        took.append(time.monotonic() - start)

    engine.together(drain)
    assert took[0] < 0.01


def a_clock_in_a_loop(engine: Engine) -> None:
    """That does not go by it."""
    expires = time.monotonic() + 1
    values = {1: 1}

    def get(key: int) -> int:
        if time.monotonic() > expires:
            del values[key]
        return values[key]

    def work() -> None:
        turns = 0
        while turns < 300:
            turns += get(1)

    engine.together(work, work)


BODIES = {
    "somebody sleeps while one adds": somebody_sleeps_while_one_adds,
    "somebody waits": somebody_waits,
    "somebody sleeps": somebody_sleeps,
    "somebody sleeps while another works until told": somebody_sleeps_while_another_works_until_told,
    "a loop that takes all there is": a_loop_that_takes_all_there_is,
    "a loop that takes all there is in a queue": a_loop_that_takes_all_there_is_in_a_queue,
    "a loop that asks how far it is": a_loop_that_asks_how_far_it_is,
    "one has left its loop": one_has_left_its_loop,
    "work that is awaited in such a loop": work_that_is_awaited_in_such_a_loop,
    "a deadline for what a loop does": a_deadline_for_what_a_loop_does,
    "a time-out for each turn": a_time_out_for_each_turn,
    "a clock in a loop": a_clock_in_a_loop,
    "a result is computed": a_result_is_computed,
    "two compute": two_compute,
    "one computes while another polls": one_computes_while_another_polls,
    "sleep in an event loop": in_an_event_loop(sleep_once),
    "turns of an event loop": in_an_event_loop(give_way_often),
    "tasks of an event loop": in_an_event_loop(wait_for_each_other),
}


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_no_time_out_passes(engine: Engine, body: Callable[[Engine], None], strategy: str) -> None:
    engine.passes(lambda: body(engine), strategy=strategy, interleavings=6, timeout=30.0)


def test_reading_for_long_is_no_livelock(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Runner.begin.__kwdefaults__ is not None
    monkeypatch.setitem(Runner.begin.__kwdefaults__, "futile", FUTILE // 20)
    table = Table()
    engine.passes(lambda: engine.together(lambda: [table.total() for _ in range(6)]), interleavings=1, timeout=60.0)


@pytest.mark.parametrize("strategy", ["random", "pct"])
def test_two_work_until_one_who_sleeps_says_stop(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, strategy: str
) -> None:
    monkeypatch.setattr(points, "LONG_STINT", points.LONG_STINT // 10)

    class Shared:
        stop = False
        done = 0

    def work() -> None:
        while not Shared.stop:
            Shared.done += 1

    def body() -> None:
        Shared.stop = False
        timer = threading.Timer(0.01, setattr, (Shared, "stop", True))
        timer.start()
        engine.together(work, work)
        timer.join()

    engine.passes(body, strategy=strategy, interleavings=2, timeout=60.0)


def test_two_pass_things_on_until_one_who_sleeps_says_stop(engine: Engine) -> None:
    def body() -> None:
        stop = threading.Event()
        there: queue.Queue[int] = queue.Queue()
        back: queue.Queue[int] = queue.Queue()

        def serve(source: queue.Queue[int], target: queue.Queue[int]) -> None:
            while not stop.is_set():
                target.put(source.get(timeout=60) + 1)

        threads = [threading.Thread(target=serve, args=each) for each in ((there, back), (back, there))]
        for thread in threads:
            thread.start()
        there.put(0)
        time.sleep(0.01)
        stop.set()
        there.put(0)
        back.put(0)
        for thread in threads:
            thread.join()

    engine.passes(body, strategy="random", interleavings=3, timeout=60.0)


def from_a_queue(done: list[int]) -> Callable[[], None]:
    items: queue.Queue[int] = queue.Queue()
    for number in range(ITEMS):
        items.put(number)

    def take() -> None:
        try:
            done.append(items.get_nowait())
        except queue.Empty:
            time.sleep(0.01)

    return take


def from_a_simple_queue(done: list[int]) -> Callable[[], None]:
    items: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in range(ITEMS):
        items.put(number)

    def take() -> None:
        with contextlib.suppress(queue.Empty):
            done.append(items.get(timeout=0.1))

    return take


def from_a_deque(done: list[int]) -> Callable[[], None]:
    items = deque(range(ITEMS))
    return lambda: done.append(items.popleft()) if items else time.sleep(0.01)


def from_an_iterator(done: list[int]) -> Callable[[], None]:
    items = iter(range(ITEMS))

    def take() -> None:
        try:
            done.append(next(items))
        except StopIteration:
            time.sleep(0.01)

    return take


def one_after_the_other(done: list[int]) -> Callable[[], None]:
    items = list(range(ITEMS))
    return lambda: done.append(items[len(done)]) if len(done) < ITEMS else time.sleep(0.01)


@pytest.mark.parametrize(
    "source", [from_a_queue, from_a_simple_queue, from_a_deque, from_an_iterator, one_after_the_other]
)
def test_all_items_are_dealt_with_before_who_sleeps_for_long_says_stop(
    engine: Engine, source: Callable[[list[int]], Callable[[], None]]
) -> None:
    def body() -> None:
        stop = threading.Event()
        done: list[int] = []
        take = source(done)

        def work() -> None:
            while not stop.is_set():
                take()

        thread = threading.Thread(target=work)
        thread.start()
        time.sleep(5)
        stop.set()
        thread.join()
        assert len(done) == ITEMS

    engine.passes(body, strategy="random", interleavings=2, timeout=60.0)


def test_so_is_work_that_a_choice_in_the_loop_puts_an_end_to(engine: Engine) -> None:
    class Work:
        left = 0
        done = 0

    def body() -> None:
        stop = threading.Event()
        Work.left, Work.done = ITEMS, 0

        def work() -> None:
            while not stop.is_set():
                if Work.left > 0:
                    Work.left -= 1
                    Work.done += 1
                else:
                    time.sleep(0.01)

        thread = threading.Thread(target=work)
        thread.start()
        time.sleep(5)
        stop.set()
        thread.join()
        assert Work.done == ITEMS

    engine.passes(body, strategy="random", interleavings=2, timeout=60.0)
