"""POS, partial order sampling: every operation has a random priority, drawn again whenever it loses a race.

Yuan, Yang, Gu: Partial Order Aware Concurrency Sampling, CAV 2018. The enabled operation with the highest priority goes
next. The operations that depend on it draw new priorities then; those that don't, keep theirs, so that the order of
independent operations costs no chances, and partial orders come out much more evenly than with a random walk.

Deviations from the paper: operations of locks and queues count as dependent like those on memory, since here they are
choices too; where only one thread is enabled there is no choice, and nothing is drawn; a thread that only polls gets
the lowest priority for its next operation.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from pytest_racecheck.engine.dependence import NOTHING, footprint

if TYPE_CHECKING:
    from pytest_racecheck.engine.thread import ControlledThread, Ready


class Pos:
    """Priorities by operation; switches often, at operations that depend on each other more than anywhere else."""

    observer = None
    exhaustive = None

    def __init__(self, random: Random) -> None:
        self._random = random.random
        #: The operation that a thread's priority was drawn for.
        self._drawn: dict[ControlledThread, int] = {}
        self._lowest = 0.0

    def begin(self) -> None:
        """Forgets the threads of the last run."""
        self._drawn = {}
        self._lowest = 0.0

    def choose(self, ready: Ready, last: ControlledThread, can_go_on: bool) -> ControlledThread:
        """The one whose next operation has the highest priority."""
        drawn = self._drawn
        best = None
        highest = 0.0
        for thread in ready:
            if drawn.get(thread) != thread.ops:
                drawn[thread] = thread.ops
                thread.priority = self._random()
            if best is None or thread.priority > highest:
                best = thread
                highest = thread.priority
        assert best is not None
        touched = footprint(best)
        if touched is not NOTHING:
            for thread in ready:
                if thread is not best and footprint(thread).conflicts(touched):
                    thread.priority = self._random()
        return best

    def naps(self, thread: ControlledThread) -> bool:
        """A sleeping thread waits until nothing else can run."""
        return False

    def gave_way(self, thread: ControlledThread) -> None:
        """What a thread that polls would do next gets the lowest priority."""
        self._lowest -= 1.0
        thread.priority = self._lowest
        self._drawn[thread] = thread.ops

    def end(self, points: int) -> None:
        """Nothing to learn."""
