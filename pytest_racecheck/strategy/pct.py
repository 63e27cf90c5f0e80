"""PCT, probabilistic concurrency testing: random priorities, lowered at d - 1 random points of the run.

Burckhardt, Kothari, Musuvathi, Nagarakatte: A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs,
ASPLOS 2010. A bug that needs d ordering constraints, in a run with n threads and k scheduling points, is found with a
probability of at least 1 / (n * k ** (d - 1)) in each run.

Deviations from the paper: k is not given but learnt, as the largest number of points of the runs so far; the depth d is
another one in each run, from 1 to 4 unless told, since nobody knows it; a thread that only polls is lowered as well.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pytest_racecheck.engine.thread import ControlledThread, Ready

DEPTHS: Final = (2, 1, 3, 2, 2, 4)


class Pct:
    """Priority-based; most runs have few preemptions, at points spread evenly over the run."""

    observer = None
    exhaustive = None

    def __init__(self, random: Random, depths: tuple[int, ...] = DEPTHS) -> None:
        self._random = random
        self._depths = depths
        self._runs = 0
        self._longest = 8
        self._point = 0
        self._changes: list[int] = []
        self._next_change = 0
        self._lowest = 0.0
        self._grown = -1
        self._seen: set[ControlledThread] = set()

    def begin(self) -> None:
        """Draws the points at which priorities change."""
        depth = self._depths[self._runs % len(self._depths)]
        self._runs += 1
        self._point = 0
        self._changes = sorted((self._random.randint(1, self._longest) for _ in range(depth - 1)), reverse=True)
        self._next_change = self._changes.pop() if self._changes else 0
        self._lowest = 0.0
        self._grown = -1
        self._seen = set()

    def choose(self, ready: Ready, last: ControlledThread, can_go_on: bool) -> ControlledThread:
        """The one with the highest priority."""
        self._point += 1
        if self._point == self._next_change:
            # Lowered below every other thread, also below those that were lowered before.
            self._lowest -= 1.0
            last.priority = self._lowest
            self._seen.add(last)
            while self._changes and self._changes[-1] == self._next_change:
                self._changes.pop()
            self._next_change = self._changes.pop() if self._changes else 0
        elif can_go_on and ready.grown == self._grown:
            return last  # nobody was enabled since it had the highest priority
        self._grown = ready.grown
        seen = self._seen
        best = None
        highest = 0.0
        for thread in ready:
            if thread not in seen:
                seen.add(thread)
                thread.priority = 1.0 + self._random.random()
            if best is None or thread.priority > highest:
                best = thread
                highest = thread.priority
        assert best is not None
        return best

    def naps(self, thread: ControlledThread) -> bool:
        """A sleeping thread waits until nothing else can run."""
        return False

    def gave_way(self, thread: ControlledThread) -> None:
        """A thread that polls gets the lowest priority."""
        self._lowest -= 1.0
        thread.priority = self._lowest
        self._seen.add(thread)
        self._grown = -1

    def end(self, points: int) -> None:
        """Learns how long runs are."""
        self._longest = max(self._longest, points)
