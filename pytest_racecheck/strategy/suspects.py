"""What the runs so far make suspicious: places in the code whose operations might go wrong in another order.

A place is an instruction, the same in all runs and for all threads that come there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_racecheck.engine import current
from pytest_racecheck.engine.operation import Access
from pytest_racecheck.engine.places import current_site
from pytest_racecheck.strategy.groups import Groups
from pytest_racecheck.strategy.tally import IN_VAIN
from pytest_racecheck.strategy.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator
    from random import Random

    from pytest_racecheck.engine.operation import Kind
    from pytest_racecheck.engine.thread import ControlledThread

Place = Any

#: So many threads are held at a place one by one, each in a run of its own; most often all others do the same.
_THREADS: Final = 3

#: So many places are paired with a place, the first that were seen to touch the same after it.
_PARTNERS: Final = 12

#: A cycle of more locks than this is not looked for among locks of different places.
_LONGEST_CYCLE: Final = 16

#: Steps of the search for cycles, in each run.
_STEPS: Final = 2_000


class Hold(NamedTuple):
    """Threads that come to one of ``places`` (only that of ``path``, if given) wait until no other can go on."""

    places: frozenset[Place]
    path: str | None


class Flip(NamedTuple):
    """Threads at ``first`` and ``second`` wait for each other; then ``second`` goes, and right after it ``first``.

    They were seen the other way round.
    """

    first: Place
    second: Place


Suspect = Hold | Flip


class Suspects(Watch):
    """Watches runs and gives every suspect once: cycles of locks first; then places, pairs and threads in turn."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._groups = Groups()
        self._group_of: dict[Place, Hashable] = {}
        #: Each place with the threads that came there, and with the places where another thread touched the same later.
        self._threads: dict[Place, list[str]] = {}
        self._later: dict[Place, dict[Place, None]] = {}
        self._cycles: dict[frozenset[Place], None] = {}
        #: How little holding a thread there promises; what comes after the point settles who is first among equals.
        self._rank: dict[Place, float] = {}
        #: After which a thread came back to the same thing.
        self._followed: set[Place] = set()
        self._given: dict[Suspect, None] = {}
        self._turn = 0
        self.begin()

    def begin(self) -> None:
        """A new run: other threads, locks and locations."""
        self._groups.begin()
        self._places: dict[ControlledThread, Place] = {}
        #: What was done to each thing so far: at which places, whether it was changed there, by up to two threads.
        self._touched: dict[object, dict[Place, tuple[bool, list[str]]]] = {}
        self._visits: dict[tuple[object, Place, str], int] = {}
        self._before: dict[tuple[object, str], Place] = {}
        self._acted: set[str] = set()
        self._taken: dict[object, dict[tuple[object, str], tuple[Place, frozenset[object]]]] = {}

    def arrives(self, thread: ControlledThread) -> None:
        """``thread``, which is running, is about to do something, and may have to wait before."""
        if self._groups.of(thread) is not None:
            resource = thread.resource
            self._places[thread] = resource if hasattr(resource, "container") else id(current_site())

    def place(self, thread: ControlledThread) -> Place:
        """Where ``thread`` is about to do something; None if that is nothing that others could notice."""
        return self._places.get(thread) if self._groups.of(thread) is not None else None

    def thing(self, thread: ControlledThread) -> object:
        """What it is about to touch, comparable within a run."""
        return thread.location if hasattr(thread.resource, "container") else thread.resource

    def operation(self, thread: ControlledThread, kind: Kind, resource: object) -> None:
        """Notes what was done where, and what was done to the same thing before by others."""
        if not current.concurrent or (isinstance(resource, Access) and not resource.shared):
            return
        self.arrives(thread)
        place = self.place(thread)
        if place is None or kind in IN_VAIN:
            return
        group = self._group_of[place] = self._groups.of(thread)
        self._groups.note(group, thread)
        threads = self._threads.setdefault(place, [])
        if len(threads) < _THREADS and thread.path not in threads:
            threads.append(thread.path)
        # To hold a thread before all that it does only changes who begins; with a lock in its hand, it blocks others.
        rank = 2 * (thread.path not in self._acted) + bool(thread.held)
        if rank < self._rank.get(place, 9) // 1:
            self._rank[place] = rank + self._random.random()
        self._acted.add(thread.path)
        thing = self.thing(thread)
        self._touch(thread, thing, place, kind != "read")
        if kind == "acquire" and thread.held:
            locks = frozenset(thread.held)
            for held in locks:
                self._taken.setdefault(held, {})[thing, thread.path] = (place, locks)

    def _touch(self, thread: ControlledThread, thing: object, place: Place, changes: bool) -> None:
        touched = self._touched.setdefault(thing, {})
        visit = (thing, place, thread.path)
        if self._visits.get(visit) != len(touched):
            self._visits[visit] = len(touched)
            for other, (changed, paths) in touched.items():
                later = self._later.setdefault(other, {})
                if (changes or changed) and paths != [thread.path] and len(later) < _PARTNERS:
                    later[place] = None
        _, paths = touched.setdefault(place, (changes, []))
        if len(paths) < 2 and thread.path not in paths:
            paths.append(thread.path)
        before = self._before.get((thing, thread.path))
        if before is not None:
            self._followed.add(before)
        self._before[thing, thread.path] = place

    def end(self) -> None:
        """The run is over: looks for cycles of locks in it."""
        steps = iter(range(_STEPS))
        for lock in self._taken:
            for places in self._rings(lock, lock, (), (), frozenset(), steps):
                self._cycles[places] = None

    def _rings(
        self,
        start: object,
        lock: object,
        paths: tuple[str, ...],
        places: tuple[Place, ...],
        gates: frozenset[object],
        steps: Iterator[int],
    ) -> Iterator[frozenset[Place]]:
        """Threads that took one lock each while they held another, in a ring, with no lock that two of them held."""
        for (taken, path), (place, locks) in self._taken.get(lock, {}).items():
            if path in paths or gates & locks or next(steps, None) is None:
                continue
            if taken is start and paths:
                yield frozenset((*places, place))
            elif len(paths) < _LONGEST_CYCLE:
                yield from self._rings(start, taken, (*paths, path), (*places, place), gates | locks, steps)

    def next(self) -> Suspect | None:
        """One that was not given yet; None when there is none left."""
        holds, flips, single = self._holds, self._flips, self._single_holds
        turns = ((holds, flips, single), (flips, holds, single), (holds, flips, single), (single, flips, holds))
        for queue in (self._cycle_holds, *turns[self._turn % len(turns)]):
            for suspect in queue():
                if suspect not in self._given:
                    self._given[suspect] = None
                    self._turn += 1
                    return suspect
        return None

    def two(self) -> list[Suspect]:
        """Two of those that were given, at random; fewer if there are no two."""
        return self._random.sample(list(self._given), min(2, len(self._given)))

    def _suspicious(self) -> list[Place]:
        now = self._groups.now
        places = [
            place for place, later in self._later.items() if later and self._groups.matters(now(self._group_of[place]))
        ]
        return sorted(places, key=self._rank.__getitem__)

    def _cycle_holds(self) -> Iterator[Suspect]:
        for places in self._cycles:
            yield Hold(places, None)

    def _holds(self) -> Iterator[Suspect]:
        for place in self._suspicious():
            yield Hold(frozenset((place,)), None)

    def _single_holds(self) -> Iterator[Suspect]:
        for place in self._suspicious():
            if len(self._threads[place]) > 1:
                for path in self._threads[place]:
                    yield Hold(frozenset((place,)), path)

    def _flips(self) -> Iterator[Suspect]:
        # Where the second one is the last that its thread does there, holding the first one is the same.
        rank = self._rank
        pairs = [Flip(first, second) for first in self._suspicious() for second in self._later[first]]
        yield from sorted(
            pairs,
            key=lambda pair: (
                pair.second not in self._followed,
                rank[pair.first] // 1,
                (rank[pair.first] + rank[pair.second]) % 1,
            ),
        )
