"""How one run is put under pressure: switch interval, processors, and where threads are made to sleep.

Two ways of sleeping take turns. Noise: every scheduling point may be the place of a short sleep, those at memory and
locks in conflict most of all. Delays: one thread sleeps long at one or few places that turned out to be in conflict, so
that all others overtake it there; most bugs need no more than that (Burckhardt et al., ASPLOS 2010, on bug depth).
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Final

from pytest_racecheck.engine import real

#: Seconds; the interpreter's own is 5 ms.
SWITCH_INTERVALS: Final = (1e-6, 5e-6, 2e-5, 1e-4, 1e-3, 5e-3)

#: What one thread may be made to sleep in one run, in seconds, and no more than this share of the shortest time that
#: the test itself sleeps or waits: threads that it orders by time must stay in that order.
ALLOWANCE: Final = 0.005
SHARE_OF_SHORTEST: Final = 0.1

#: Seconds: the longest sleep at a place, as noise and as a delay.
LONGEST_NOISE: Final = 2e-4
LONGEST_DELAY: Final = 8e-4


@dataclass
class Learnt:
    """What the runs of an item have shown so far.

    ``places`` in conflict, in the order in which they were met, with the highest number of times that one thread came
    by in a run. ``threads``: paths of the threads. ``shortest``: the least time that the test sleeps or waits, in
    seconds.
    """

    places: dict[object, int] = field(default_factory=dict)
    threads: dict[str, None] = field(default_factory=dict)
    shortest: float | None = None


@dataclass
class Plan:
    """The pressure of one run.

    ``hot`` and ``cold``: the chances of a sleep at places in conflict and at all others. ``delays``: thread and place
    to how often it passes before it sleeps there. ``gather``: threads that are started in a row begin together.
    """

    switch_interval: float
    spread: bool
    gather: bool
    allowance: float
    hot: float = 0.0
    cold: float = 0.0
    delays: dict[tuple[str, object], int] = field(default_factory=dict)


def make_plan(number: int, random: Random, learnt: Learnt) -> Plan:
    """The pressure of run ``number``, counted from 0."""
    allowance = ALLOWANCE
    if learnt.shortest is not None:
        allowance = min(allowance, learnt.shortest * SHARE_OF_SHORTEST)
    plan = Plan(
        switch_interval=random.choice(SWITCH_INTERVALS),
        spread=number % 2 == 0,
        gather=random.random() < 0.75,
        allowance=allowance,
    )
    turn = number % 8
    if turn == 7:
        return plan  # nothing but the switch interval
    if turn % 2 or not learnt.places:
        plan.hot = random.choice((0.1, 0.3, 0.6))
        plan.cold = plan.hot / 10
        return plan
    places, threads = list(learnt.places), list(learnt.threads)
    for _ in range(random.choice((1, 1, 2, 3))):
        place = random.choice(places)
        plan.delays[random.choice(threads), place] = random.randrange(min(8, learnt.places[place]) or 1)
    return plan


@contextlib.contextmanager
def pressed(plan: Plan, processors: set[int], random: Random) -> Iterator[None]:
    """Inside, the interpreter and the calling thread, with all that it starts, are as the plan says.

    ``processors`` are those that may be used; empty where that can't be chosen.
    """
    interval = sys.getswitchinterval()
    before: set[int] | None = None
    sys.setswitchinterval(plan.switch_interval)
    try:
        if len(processors) > 1:
            with contextlib.suppress(OSError):
                before = os.sched_getaffinity(0)
                os.sched_setaffinity(0, processors if plan.spread else {random.choice(sorted(processors))})
        yield
    finally:
        sys.setswitchinterval(interval)
        if before is not None:
            with contextlib.suppress(OSError):
                os.sched_setaffinity(0, before)


def nap(random: Random, longest: float, allowance: float) -> float:
    """Sleeps for a while that ``random`` chooses. Returns the seconds that were asked for."""
    seconds = min(random.random() * longest, allowance)
    real.sleep(seconds)
    return seconds
