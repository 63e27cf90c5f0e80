"""By turns: of the threads that can go on, the one that came to the fewest accesses to memory so far.

No strategy to find bugs with, but a way to see early what threads share. What only one thread touches is no scheduling
point, and in the serial schedule one worker of a pool or of a queue does all the work; here it waits in the middle of
its first task until the others have one as well.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from pytest_racecheck.engine.operation import MEMORY

if TYPE_CHECKING:
    from pytest_racecheck.engine.thread import ControlledThread, Ready
    from pytest_racecheck.strategy.suspects import Suspects

#: A thread that came to more accesses than this goes on as long as it can: handing the baton over takes its time.
_MOST: Final = 1_000


class Turns:
    """The main thread first, which hands out the work; then the others by turns."""

    exhaustive = None

    def __init__(self, suspects: Suspects) -> None:
        #: Looks for what a directed search can pursue.
        self.observer = suspects

    def begin(self) -> None:
        """A new run."""
        self.observer.begin()
        self._accesses: Counter[ControlledThread] = Counter()

    def choose(self, ready: Ready, last: ControlledThread, can_go_on: bool) -> ControlledThread:
        """Locks and queues are no reason to switch."""
        self._accesses[last] += last.kind in MEMORY
        if can_go_on and (last.kind not in MEMORY or self._accesses[last] > _MOST):
            return last
        return min(ready, key=lambda thread: (thread.index > 0, self._accesses[thread], thread.index))

    def naps(self, thread: ControlledThread) -> bool:
        """A sleep is a reason to switch."""
        return False

    def gave_way(self, thread: ControlledThread) -> None:
        """Nothing to change."""

    def end(self, points: int) -> None:
        """Looks for suspects in what the run did."""
        self.observer.end()
