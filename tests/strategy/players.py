"""Threads that are played instead of run: what a strategy chooses among, without a scheduler or a real thread."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from pytest_racecheck.engine.thread import ControlledThread, Ready

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_racecheck.engine.schedule import Schedule
    from pytest_racecheck.strategy.base import Strategy


def make_threads(number: int) -> list[ControlledThread]:
    """The main thread and those that it started, none of them enabled."""
    paths = ["0", *(f"0.{n}" for n in range(1, number))]
    return [ControlledThread(cast("Any", None), n, path, f"thread {n}", "work") for n, path in enumerate(paths)]


def make_ready(threads: Iterable[ControlledThread]) -> Ready:
    """These are enabled, in this order."""
    ready = Ready()
    for thread in threads:
        enable(ready, thread)
    return ready


def enable(ready: Ready, thread: ControlledThread) -> None:
    """As the scheduler does it."""
    thread.slot = len(ready)
    ready.append(thread)
    ready.grown += 1


def disable(ready: Ready, thread: ControlledThread) -> None:
    """As the scheduler does it: the last one takes the place."""
    last = ready.pop()
    if last is not thread:
        ready[thread.slot] = last
        last.slot = thread.slot
    thread.slot = -1


class Played(NamedTuple):
    """``order``: a letter for each step, A for the first thread. ``schedule``: the deviations from the serial one."""

    order: str
    preemptions: int
    points: int
    schedule: Schedule


def play(strategy: Strategy, *lengths: int) -> Played:
    """One run of threads that have so many steps each, all enabled from the beginning; the first one has the baton."""
    threads = make_threads(len(lengths))
    ready = make_ready(threads)
    left = dict(zip(threads, lengths, strict=True))
    order: list[str] = []
    schedule: list[tuple[str, int, str]] = []
    preemptions = points = 0
    last = threads[0]
    strategy.begin()
    while ready:
        can_go_on = last.slot >= 0
        last.ops += 1
        points += can_go_on and len(ready) > 1
        chosen = strategy.choose(ready, last, can_go_on) if len(ready) > 1 else ready[0]
        assert chosen in ready
        default = last if can_go_on else min(ready, key=lambda thread: thread.index)
        if chosen is not default:
            schedule.append((last.path, last.ops, chosen.path))
        preemptions += can_go_on and chosen is not last
        last = chosen
        order.append(chr(ord("A") + chosen.index))
        left[chosen] -= 1
        if not left[chosen]:
            disable(ready, chosen)
    strategy.end(points)
    return Played("".join(order), preemptions, points, tuple(schedule))


def orders(strategy: Strategy, runs: int, *lengths: int) -> list[str]:
    """The orders of so many runs."""
    return [play(strategy, *lengths).order for _ in range(runs)]


class Scripted(random.Random):
    """Gives the numbers that it is told to, and fails when it is asked for more."""

    def __init__(self, numbers: Iterable[float] = (), integers: Iterable[int] = ()) -> None:
        super().__init__(0)
        self.numbers = list(numbers)
        self.integers = list(integers)
        self.ranges: list[tuple[int, int]] = []

    def random(self) -> float:
        return self.numbers.pop(0)

    def randint(self, a: int, b: int) -> int:
        self.ranges.append((a, b))
        return self.integers.pop(0)
