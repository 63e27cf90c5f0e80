"""Exhaustive search: one run of every class of equivalent interleavings, and a proof when there are no more.

Dynamic partial-order reduction with source sets and sleep sets. Abdulla, Aronis, Jonsson, Sagonas: Optimal Dynamic
Partial Order Reduction, POPL 2014, and Source Sets: A Foundation for Optimal Dynamic Partial Order Reduction, J. ACM
2017. Every run is searched for races, pairs of dependent events that could have come the other way round; for each,
unless the runs that are planned cover it, a run is planned that leaves the first run before the race and turns it.

Deviations from the papers:

- A new run follows the reversed sequence as far as it can, like a branch of their wakeup trees, but no trees are kept.
  So a run may turn out to be redundant when only sleeping threads are left; it ends by itself and is not counted.
- The tree is not searched depth first: planned runs wait in a queue, those with the fewest preemptions go first, so
  that simple bugs come first (iterative context bounding, Musuvathi & Qadeer, PLDI 2007). The order of the children of
  a node, on which the sleep sets rest, is that in which they were planned.
- Locks and queues block. Two acquisitions are a race if the lock was free before the first; releases are no part of
  one, unless somebody looks at the lock without waiting. A thread that is blocked when a run turns out to be redundant,
  or ends, counts as if it had acquired right then: where it does so later may be in no run that is looked at.
- Operations between which no switch is possible are one step. Of a parked thread's step only the first is known, so
  it is taken out of the sleep set by more than what conflicts with that.
- The clock moves only when nobody can go on; what it wakes comes after everything before.
"""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import islice
from typing import TYPE_CHECKING, Final

from pytest_racecheck.engine.dependence import footprint
from pytest_racecheck.engine.operation import MEMORY
from pytest_racecheck.strategy.trace import Race, Trace

if TYPE_CHECKING:
    from pytest_racecheck.engine.dependence import Footprint
    from pytest_racecheck.engine.thread import ControlledThread, Ready
    from pytest_racecheck.strategy.trace import Event

#: Choices that are kept, in all runs together, before the search gives up: it would take too much memory.
MAX_NODES: Final = 200_000


#: Races of a run with polling that are turned: each look is one with what it waits for, and there is no end to them.
MOST_RACES: Final = 50


class Node:
    """A choice: the state in which it came up, and the threads that some run lets go on there, done or planned."""

    __slots__ = ("can_go_on", "children", "enabled", "last", "ops", "parent", "preemptions", "sleep", "via")

    def __init__(self, parent: Node | None, via: str, last: ControlledThread, can_go_on: bool, ready: Ready) -> None:
        self.parent = parent
        #: What the parent's choice was.
        self.via = via
        self.last = last.path
        self.ops = last.ops
        self.can_go_on = can_go_on
        self.enabled = frozenset(thread.path for thread in ready)
        self.children: list[str] = []
        #: Threads that need not go on here, since what would follow is equivalent to what follows elsewhere.
        self.sleep: frozenset[str] = frozenset()
        self.preemptions = 0

    def costs(self, path: str) -> int:
        """Preemptions up to and including the choice of ``path``."""
        return self.preemptions + (self.can_go_on and path != self.last)


class _Watch(Trace):
    """The trace of the running interleaving; keeps the sleep set and the guide up to date."""

    def __init__(self, guide: list[str], coarse: bool) -> None:
        super().__init__()
        self._coarse = coarse
        self.sleep: dict[str, ControlledThread] = {}
        self.guide = guide
        self.guided = 0
        #: The thread that was chosen and has to be switched to next, if it is another one.
        self.expected: ControlledThread | None = None
        #: A thread looked at the same thing again and again.
        self.polls = False

    def begins(self, thread: ControlledThread) -> None:
        if self.expected is not None:
            self.expected = None
            self.gaps.add("no switch was possible while a lock was held that is older than racecheck")
        path = thread.path
        if self.guided < len(self.guide):
            if self.guide[self.guided] == path:
                self.guided += 1
            elif path in self.guide[self.guided :]:
                self.guided = len(self.guide)

    def after(self, thread: ControlledThread, touched: Footprint) -> None:
        path = thread.path
        sleep = self.sleep
        if not sleep:
            return
        if path in sleep and self.cut_at is None:
            self.cut(thread.scheduler.threads)  # without a switch: the others are blocked
            self.cut_at = len(self.events) - 1
        for other, sleeper in list(sleep.items()):
            # Whether it is alive may change with its next step, too.
            if (
                touched.first is (sleeper.thread or sleeper)
                or touched.conflicts(footprint(sleeper))
                or (self._coarse and _may_conflict(thread, sleeper))
            ):
                del sleep[other]

    def switch(self, source: ControlledThread, target: ControlledThread, can_go_on: bool) -> None:
        super().switch(source, target, can_go_on)
        if target is self.expected:
            self.expected = None
        else:
            self.choice = -1
        if target.path in self.sleep and self.cut_at is None:
            self.cut(target.scheduler.threads)


def _may_conflict(thread: ControlledThread, sleeper: ControlledThread) -> bool:
    """Whether what ``thread`` does now can conflict with all that ``sleeper`` does in its next step.

    That step may be several accesses to memory in a row, of which only the first is known; or, after an explicit
    scheduling point, all of what ``racecheck.atomic()`` holds together.
    """
    return sleeper.kind == "point" or (sleeper.kind in MEMORY and thread.kind in MEMORY)


class Exhaustive:
    """Runs every class once. ``finished`` when there are none left; ``gaps`` tells what speaks against a proof."""

    def __init__(self) -> None:
        self.finished = False
        self.gaps: set[str] = set()
        #: Complete runs that were no repetition of another: the number of inequivalent interleavings so far.
        self.classes = 0
        #: Steps may be more than the one operation that a parked thread has told of.
        self._coarse = False
        self._planned: list[tuple[int, int, Node, str, list[str]]] = []
        self._number = 0
        self._nodes = 0
        self._begun = False
        self._prefix: list[tuple[Node, str]] = []
        self._path: list[Node] = []
        self._watch = _Watch([], False)
        self._off_track = False

    @property
    def observer(self) -> Trace:
        """Watches the running interleaving."""
        return self._watch

    @property
    def exhaustive(self) -> Exhaustive:
        """Itself."""
        return self

    @property
    def planned(self) -> int:
        """How many runs are planned at the moment; each may lead to more."""
        return len(self._planned)

    def restart(self) -> None:
        """More operations are scheduling points than were known so far: what was explored is too coarse."""
        self.finished = False
        self.gaps.clear()
        self.classes = 0
        self._planned.clear()
        self._nodes = 0
        self._begun = False

    def begin(self) -> None:
        """Takes the simplest of the planned runs, or the serial one at first."""
        self._path = []
        self._prefix = []
        self._off_track = False
        guide: list[str] = []
        if self._begun and self._planned:
            _, _, node, choice, guide = heappop(self._planned)
            step: Node | None = node
            while step is not None:
                self._prefix.append((step, choice))
                choice = step.via
                step = step.parent
            self._prefix.reverse()
        self._begun = True
        self._watch = _Watch(guide, self._coarse)

    def choose(self, ready: Ready, last: ControlledThread, can_go_on: bool) -> ControlledThread:
        """What was planned; then what turns the race; then the serial schedule, but for sleeping threads."""
        if self._off_track or self._watch.cut_at is not None:
            self._watch.choice = -1
            return last if last.slot >= 0 else min(ready, key=_index)
        watch = self._watch
        number = len(self._path)
        if number < len(self._prefix):
            node, path = self._prefix[number]
            chosen = next((thread for thread in ready if thread.path == path), None)
            if chosen is None or (node.last, node.ops, node.can_go_on) != (last.path, last.ops, can_go_on):
                self._lose_track(last)
                return last if last.slot >= 0 else min(ready, key=_index)
        else:
            node = self._new_node(ready, last, can_go_on)
            chosen = self._prefer(ready, last)
            node.children.append(chosen.path)
        older = node.children[: node.children.index(chosen.path)]
        asleep = node.sleep.union(older)
        watch.sleep = {thread.path: thread for thread in ready if thread.path in asleep and thread is not chosen}
        if chosen.path in node.sleep:
            watch.cut(chosen.scheduler.threads)
        watch.choice = number
        watch.expected = None if chosen is last else chosen
        self._path.append(node)
        return chosen

    def _new_node(self, ready: Ready, last: ControlledThread, can_go_on: bool) -> Node:
        parent = via = None
        if self._path:
            parent = self._path[-1]
            number = len(self._path) - 1
            via = self._prefix[number][1] if number < len(self._prefix) else parent.children[0]
        node = Node(parent, via or "", last, can_go_on, ready)
        if parent is not None:
            node.preemptions = parent.costs(node.via)
        node.sleep = frozenset(self._watch.sleep)
        self._nodes += 1
        return node

    def _prefer(self, ready: Ready, last: ControlledThread) -> ControlledThread:
        watch = self._watch
        if watch.guided < len(watch.guide):
            path = watch.guide[watch.guided]
            for thread in ready:
                if thread.path == path and path not in watch.sleep:
                    return thread
        awake = [thread for thread in ready if thread.path not in watch.sleep] or list(ready)
        return last if last in awake else min(awake, key=_index)

    def _lose_track(self, last: ControlledThread) -> None:
        self._off_track = True
        self.gaps.add(f"the same schedule did not lead to the same run again (thread {last.label})")

    def naps(self, thread: ControlledThread) -> bool:
        """A sleeping thread waits until nothing else can run."""
        return False

    def gave_way(self, thread: ControlledThread) -> None:
        """The scheduler switches by itself: no choice of the search."""
        self._watch.choice = -1
        self._watch.polls = True
        self._watch.gaps.add(f"{thread.label} only polls, or works on and on: there is no end to how often it may")

    def end(self, points: int) -> None:
        """Plans a run for each race of this one that is not covered yet."""
        watch = self._watch
        if watch.compound and not self._coarse:
            self._coarse = True
            self.restart()
            return
        self.gaps |= watch.gaps
        self.gaps.update(f"{thread.label} still ran when the test ended" for thread in watch.unfinished())
        if not self._off_track:
            self.classes += watch.cut_at is None
            for race in islice(watch.races(), MOST_RACES if watch.polls else None):
                self._turn(race)
        if self._nodes > MAX_NODES:
            self.gaps.add(f"more than {MAX_NODES} choices")
            self._planned.clear()
        self.finished = not self._planned

    def _turn(self, race: Race) -> None:
        """Plans a run in which the race goes the other way round, unless one is planned that covers it."""
        node = self._path[race.first.choice]
        events = self._watch.events
        first, second = race.first, race.second
        between = events[first.index : second.index]
        rest = [
            event
            for event in between
            if event is event.head and event.clock[first.thread] < first.first and not event.attempt
        ]
        rest.append(second)
        initials = [event.path for event in _initials(rest)]
        taken = node.sleep.union(node.children)
        if not taken.isdisjoint(initials):
            return
        sequence = [event.path for event in rest]
        possible = [path for path in initials if path in node.enabled]
        if possible:
            self._plan(node, min(possible, key=node.costs), sequence)
        else:
            for path in sorted(node.enabled.difference(taken)):
                self._plan(node, path, sequence)

    def _plan(self, node: Node, path: str, sequence: list[str]) -> None:
        node.children.append(path)
        guide = [path, *sequence]
        if path in sequence:
            guide.pop(1 + sequence.index(path))
        self._number += 1
        heappush(self._planned, (node.costs(path), self._number, node, path, guide))


def _initials(events: list[Event]) -> list[Event]:
    """The first events of those threads that could go first: none of ``events`` happens before them."""
    firsts: dict[int, int] = {}
    found = []
    for event in events:
        if event.thread not in firsts:
            if all(event.clock[thread] < seq for thread, seq in firsts.items()):
                found.append(event)
            firsts[event.thread] = event.seq
    return found


def _index(thread: ControlledThread) -> int:
    return thread.index
