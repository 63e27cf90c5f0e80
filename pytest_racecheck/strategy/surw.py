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

from pytest_racecheck.strategy.groups import Groups

if TYPE_CHECKING:
    from collections.abc import Hashable
    from random import Random

    from pytest_racecheck.engine.thread import ControlledThread, Ready

#: Steps of this fraction of a turn come near every point of the circle soonest (the golden ratio).
_GOLDEN: Final = 0.6180339887498949

#: Stands for the group of all operations.
_ALL: Final = "everything"

#: Numbers of operations are means over so many runs, about.
MEMORY: Final = 20


class Surw:
    """Learns from run to run; the first one is a walk by random priorities."""

    observer = None
    exhaustive = None

    def __init__(self, random: Random) -> None:
        self._random = random
        self._groups = Groups()
        #: How many operations of a group each thread, by path, does in a run: the mean so far, and of how many runs.
        self._means: dict[Hashable, dict[str, tuple[float, int]]] = {}
        self._bag: list[Hashable] = []
        self._turns: dict[Hashable, float] = {}
        self._begin(_ALL)

    def begin(self) -> None:
        """Settles what is interesting in this run."""
        self._groups.begin()
        if not self._bag:
            self._bag = [_ALL, *filter(self._groups.matters, self._means)]
            self._random.shuffle(self._bag)
        self._begin(self._groups.now(self._bag.pop()))

    def _begin(self, group: Hashable) -> None:
        self._group = group
        #: How many interesting operations are still to come.
        self._left = {path: mean for path, (mean, _) in self._means.get(group, {}).items()}
        self._done: dict[Hashable, dict[str, int]] = {_ALL: {}}
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
            group = self._groups.of(chosen)
            if group is None or self._may_go(chosen, group, ready):
                self._note(chosen, group)
                return chosen
            self._held.add(chosen)

    def _may_go(self, thread: ControlledThread, group: Hashable, ready: Ready) -> bool:
        if not self._is_interesting(group):
            return True
        if self._intended is None:
            self._intended = self._draw(ready)
        if self._present(self._intended) is not thread:
            return False
        self._left[thread.path] = self._left.get(thread.path, 0) - 1
        self._intended = None
        self._held.clear()
        return True

    def _is_interesting(self, group: Hashable) -> bool:
        return group is not None and (self._group is _ALL or self._groups.now(self._group) == group)

    def _draw(self, ready: Ready) -> str:
        """Who does an interesting operation next, by path."""
        weights = {}
        for path, left in self._left.items():
            if left > 0:
                thread = self._present(path)
                if thread is not None and thread.slot >= 0:
                    weights[path] = left
        for thread in ready:
            if self._is_interesting(self._groups.of(thread)):
                weights[thread.path] = max(1.0, weights.get(thread.path, 0.0))
        chance = self._chance() * sum(weights.values())
        path = ""
        for path in sorted(weights, key=_natural):
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

    def _note(self, thread: ControlledThread, group: Hashable) -> None:
        if group is not None:
            self._groups.note(group, thread)
            for each in (group, _ALL):
                done = self._done.setdefault(each, {})
                done[thread.path] = done.get(thread.path, 0) + 1

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
        self._means = {group: means for group, means in self._means.items() if self._groups.is_current(group)}
        for group in self._done:
            self._means.setdefault(self._groups.now(group), {})
        for group, means in self._means.items():
            done = self._done.get(group, {})
            for path in self._threads:
                mean, runs = means.get(path, (0.0, 0))
                runs = min(runs + 1, MEMORY)
                means[path] = (mean + (done.get(path, 0) - mean) / runs, runs)


def _priority(thread: ControlledThread) -> float:
    return thread.priority


def _natural(path: str) -> tuple[int, str]:
    return len(path), path
