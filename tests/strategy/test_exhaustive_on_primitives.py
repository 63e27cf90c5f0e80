"""The exhaustive search against sampling, over everything that threads meet by: what a random run shows, it has shown.

Programs with these have too many interleavings for a model of them, so this finds what the search misses, not whether
each class comes once: tests/strategy/test_exhaustive.py knows that of locks and attributes.
"""

from __future__ import annotations

import functools
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_racecheck import strategy
from tests.strategy.experiment import Experiment

MOST_RUNS: Final = 600
SAMPLED: Final = ("random", "pos", "surw")


class Shared:
    def __init__(self) -> None:
        self.x = 0
        self.y = 0
        self.lock = threading.Lock()
        self.rlock = threading.RLock()
        self.event = threading.Event()
        self.condition = threading.Condition()
        self.semaphore = threading.Semaphore(1)
        self.queue: queue.Queue[int] = queue.Queue()
        self.bounded: queue.Queue[int] = queue.Queue(1)
        self.simple: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.table: dict[str, int] = {}
        self.items: list[int] = []

    @functools.cached_property
    def lazy(self) -> int:
        return self.x


#: A step does something with what is shared, given a value of its own, and returns what it has seen.
Step = Callable[[Shared, int], object]
Program = tuple[tuple[Step, ...], ...]


def write_x(shared: Shared, value: int) -> None:
    shared.x = value


def copy_x(shared: Shared, _value: int) -> None:
    shared.y = shared.x


def add_x(shared: Shared, _value: int) -> None:
    shared.x += 1


def try_lock(shared: Shared, _value: int) -> bool:
    got = shared.lock.acquire(blocking=False)
    if got:
        shared.lock.release()
    return got


def timed_lock(shared: Shared, _value: int) -> bool:
    got = shared.lock.acquire(timeout=1)
    if got:
        shared.lock.release()
    return got


def take_twice(shared: Shared, _value: int) -> None:
    with shared.rlock, shared.rlock:
        shared.y += 1


def notified(shared: Shared, _value: int) -> bool:
    with shared.condition:
        return shared.condition.wait(1)


def wait_for_x(shared: Shared, _value: int) -> object:
    with shared.condition:
        return shared.condition.wait_for(lambda: shared.x)


def write_x_within(shared: Shared, value: int) -> None:
    with shared.condition:
        shared.x = value


def notify(shared: Shared, _value: int) -> None:
    with shared.condition:
        shared.condition.notify()


def get_at_once(shared: Shared, _value: int) -> object:
    with suppress(queue.Empty):
        return shared.queue.get_nowait()
    return "empty"


def get_in_time(shared: Shared, _value: int) -> object:
    with suppress(queue.Empty):
        return shared.queue.get(timeout=1)
    return "empty"


def take_at_once(shared: Shared, _value: int) -> object:
    with suppress(queue.Empty):
        return shared.simple.get_nowait()
    return "empty"


def pop(shared: Shared, _value: int) -> object:
    with suppress(IndexError):
        return shared.items.pop()
    return "empty"


def set_key(shared: Shared, value: int) -> None:
    shared.table["k"] = value


def in_a_thread(shared: Shared, value: int) -> int:
    thread = threading.Thread(target=write_x, args=(shared, value))
    thread.start()
    seen = shared.y
    thread.join()
    return seen


#: What belongs together; a program takes the first group and one or two of the others.
GROUPS: Final[tuple[tuple[Step, ...], ...]] = (
    (lambda shared, _: shared.x, lambda shared, _: shared.y, write_x, copy_x, add_x),
    (
        lambda shared, _: shared.lock.acquire() and None,
        lambda shared, _: shared.lock.release(),
        try_lock,
        timed_lock,
        lambda shared, _: shared.lock.locked(),
    ),
    (
        lambda shared, _: shared.event.set(),
        lambda shared, _: shared.event.clear(),
        lambda shared, _: shared.event.wait(),
        lambda shared, _: shared.event.wait(1),
        lambda shared, _: shared.event.is_set(),
    ),
    (notified, wait_for_x, write_x_within, notify),
    (
        lambda shared, _: shared.semaphore.acquire(),
        lambda shared, _: shared.semaphore.release(),
        lambda shared, _: shared.semaphore.acquire(blocking=False),
    ),
    (
        lambda shared, value: shared.queue.put(value),
        lambda shared, _: shared.queue.get(),
        get_at_once,
        get_in_time,
        lambda shared, _: shared.queue.qsize(),
    ),
    (lambda shared, value: shared.bounded.put(value), lambda shared, _: shared.bounded.get()),
    (
        lambda shared, value: shared.simple.put(value),
        lambda shared, _: shared.simple.get(),
        take_at_once,
        lambda shared, _: shared.simple.empty(),
    ),
    (lambda _shared, _: time.sleep(1), lambda _shared, _: time.sleep(2)),
    (
        set_key,
        lambda shared, value: shared.table.setdefault("k", value),
        lambda shared, _: shared.table.get("k"),
        lambda shared, _: shared.table.pop("k", None),
        lambda shared, _: len(shared.table),
    ),
    (lambda shared, value: shared.items.append(value), pop, lambda shared, _: len(shared.items)),
    (take_twice, in_a_thread, lambda shared, _: shared.lazy),
)


@st.composite
def programs(draw: st.DrawFn) -> Program:
    others = draw(st.lists(st.sampled_from(GROUPS[1:]), min_size=1, max_size=2, unique=True))
    # More of what threads meet by than of what shows in which order they did.
    steps = st.sampled_from([step for group in others for step in group]) | st.sampled_from(GROUPS[0])
    thread = st.lists(steps, min_size=1, max_size=4).map(tuple)
    return draw(st.lists(thread, min_size=2, max_size=3).map(tuple))


def prepare(program: Program) -> tuple[list[Callable[[], object]], Callable[[], str]]:
    shared = Shared()
    seen: list[list[object]] = [[] for _ in program]

    def work(number: int) -> None:
        try:
            for place, step in enumerate(program[number]):
                seen[number].append(step(shared, 100 * (number + 1) + 10 * place))
        except RuntimeError as error:  # a lock is released that nobody has
            seen[number].append(str(error))

    functions: list[Callable[[], object]] = [functools.partial(work, number) for number in range(len(program))]
    return functions, lambda: repr((shared.x, shared.y, seen, shared.table, shared.items))


def check(program: Program, model: str, *, least: int = 20) -> None:
    """What ``least`` runs of each strategy that samples show, or more where the search took more, it has shown."""
    with Experiment(functools.partial(prepare, program), model=model, audited=True) as experiment:
        searched = experiment.searched(MOST_RUNS)
        if searched is None or searched.gaps:
            return
        runs = max(least, min(2 * searched.runs, 200))
        sampling = [strategy.create(name, Random(0), runs) for name in SAMPLED]
        assert {experiment.run(each)[0] for each in sampling for _ in range(runs)} <= searched.outcomes


@pytest.mark.parametrize("model", ["python", "gil"])
def test_sampling_shows_nothing_that_it_has_not_shown(model: str) -> None:
    @settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
    @given(programs())
    def search(program: Program) -> None:
        check(program, model)

    search()


ACQUIRE, RELEASE = GROUPS[1][:2]
READ_X = GROUPS[0][0]
LAZY = GROUPS[-1][-1]


@pytest.mark.parametrize(
    "program",
    [
        # A thread whose time ran out could have had the lock before another one took it for good.
        ((ACQUIRE,), (try_lock, timed_lock), (try_lock,)),
        # Only one thread acquires, another one releases: what that does depends on which comes first.
        ((write_x,), (RELEASE, add_x), (ACQUIRE,)),
        # What a cached property is made of is stored when its function has ended, not when that was called.
        ((LAZY, write_x, LAZY), (LAZY, add_x), (READ_X,)),
    ],
    ids=["time is up", "release by another", "cached"],
)
@pytest.mark.parametrize("model", ["python", "gil"])
def test_programs_that_earlier_versions_got_wrong(program: Program, model: str) -> None:
    check(program, model, least=200)
