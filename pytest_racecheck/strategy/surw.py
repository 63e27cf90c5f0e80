"""SURW, selectively uniform random walk: every order of a few interesting operations is equally likely.

Zhao, Wang, Wang, Zhao, Sen: Selectively Uniform Concurrency Testing, ASPLOS 2025. A thread is chosen with a probability
in proportion to the number of interesting operations that it still has to do; it goes on to the next of them, and the
others are held right before theirs meanwhile. What is not interesting runs by random priorities in between. A walk that
gives each thread the same chance at each point favours orders in which short threads come early; this one favours none.

What is interesting is another thing in every run, taken in turns: one place in memory, one lock, or everything.

Deviations from the paper: both the groups and the numbers of operations are learnt from the runs before, as running
means, instead of being given; a thread that is about to be started stands for all its descendants, by its parent, as
long as it is not there; the first thread of a group's runs is drawn by a Weyl sequence, which is as uniform as a random
number and comes near every value within a few runs; a thread that only polls is not waited for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_racecheck.strategy.tally import ALL, Tally

if TYPE_CHECKING:
    from collections.abc import Hashable
    from random import Random

    from pytest_racecheck.engine.thread import ControlledThread, Ready

#: Steps of this fraction of a turn come near every point of the circle soonest (the golden ratio).
_GOLDEN: Final = 0.6180339887498949


class Surw:
    """Learns from run to run; the first one is a walk by random priorities."""

    exhaustive = None

    def __init__(self, random: Random) -> None:
        self._random = random
        self._tally = Tally()
        self._bag: list[Hashable] = []
        self._turns: dict[Hashable, float] = {}
        self._begin(ALL)

    @property
    def observer(self) -> Tally:
        """Counts the operations of every run."""
        return self._tally

    def begin(self) -> None:
        """Settles what is interesting in this run."""
        self._tally.begin()
        if not self._bag:
            self._bag = self._tally.candidates()
            self._random.shuffle(self._bag)
        self._begin(self._bag.pop())

    def _begin(self, group: Hashable) -> None:
        self._group = group
        self._threads: dict[str, ControlledThread] = {}
        #: The operation that a thread's priority was drawn for.
        self._drawn: dict[ControlledThread, int] = {}
        #: Those that wait until the intended one, named by its path, has done its interesting operation.
        self._held: set[ControlledThread] = set()
        self._intended: str | None = None
        self._first = True
        self._lowest = 0.0

    def choose(self, ready: Ready, last: ControlledThread, can_go_on: bool) -> ControlledThread:
        """The one with the highest priority, among those that need not wait for the intended one."""
        drawn = self._drawn
        for thread in ready:
            if drawn.get(thread) != thread.ops:
                drawn[thread] = thread.ops
                self._threads[thread.path] = thread
                thread.priority = self._random.random()
        while True:
            chosen = max((thread for thread in ready if thread not in self._held), key=_priority, default=None)
            if chosen is None:
                # The intended one is blocked, or does not come: those that wait for it settle it among them.
                self._held.clear()
                self._intended = self._draw(ready)
                continue
            if self._may_go(chosen, ready):
                return chosen
            self._held.add(chosen)

    def _may_go(self, thread: ControlledThread, ready: Ready) -> bool:
        if not self._is_interesting(thread):
            return True
        if self._intended is None:
            self._intended = self._draw(ready)
        if self._present(self._intended) is not thread:
            return False
        self._intended = None
        self._held.clear()
        return True

    def _is_interesting(self, thread: ControlledThread) -> bool:
        group = self._tally.groups.of(thread)
        return group is not None and (self._group is ALL or self._tally.groups.now(self._group) == group)

    def _draw(self, ready: Ready) -> str:
        """Who does an interesting operation next, by path."""
        weights = {}
        for path, left in self._tally.left(self._tally.groups.now(self._group)):
            thread = self._present(path)
            if thread is not None and thread.slot >= 0:
                weights[path] = left
        for thread in ready:
            if self._is_interesting(thread):
                weights[thread.path] = max(1.0, weights.get(thread.path, 0.0))
        # Only the first draw of a run is not independent of other runs: there, a number has to mean a certain thread.
        order = sorted(weights, key=_natural) if self._first else list(weights)
        chance = self._chance() * sum(weights.values())
        path = ""
        for path in order:
            chance -= weights[path]
            if chance < 0:
                break
        return path

    def _chance(self) -> float:
        if not self._first:
            return self._random.random()
        self._first = False
        turn = self._turns.get(self._group)
        turn = self._random.random() if turn is None else (turn + _GOLDEN) % 1.0
        self._turns[self._group] = turn
        return turn

    def _present(self, path: str) -> ControlledThread | None:
        """The thread of that path, or the nearest one above it as long as it has not been started."""
        while path and path not in self._threads:
            path = path.rpartition(".")[0]
        return self._threads.get(path)

    def naps(self, thread: ControlledThread) -> bool:
        """A sleeping thread waits until nothing else can run."""
        return False

    def gave_way(self, thread: ControlledThread) -> None:
        """What a thread that polls would do next gets the lowest priority, and nobody waits for it."""
        self._lowest -= 1.0
        thread.priority = self._lowest
        self._drawn[thread] = thread.ops
        if self._intended is not None and self._present(self._intended) is thread:
            self._intended = None
            self._held.clear()

    def end(self, points: int) -> None:
        """Learns how many operations of each group the threads do."""
        self._tally.end()


def _priority(thread: ControlledThread) -> float:
    return thread.priority


def _natural(path: str) -> tuple[int, str]:
    return len(path), path
