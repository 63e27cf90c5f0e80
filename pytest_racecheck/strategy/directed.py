"""Directed search: each run drives straight at one suspect that the runs before have shown.

Two operations of different threads that depend on each other might go wrong the other way round, or at the same time;
locks that are taken in a ring might meet in a deadlock. Threads that come to the places in question are held there, and
the others go on: Sen, Race Directed Random Testing of Concurrent Programs, PLDI 2008 (RaceFuzzer); Joshi, Park, Sen,
Naik, A Randomized Dynamic Program Analysis Technique for Detecting Real Deadlocks, PLDI 2009 (DeadlockFuzzer).

Deviations from the papers: there is one run for each suspect and no phase of analysis, since every directed run is
watched for further ones; critical sections of one lock are a suspect like accesses to one place in memory, and accesses
that are always made under the same lock are none; besides pairs, each single place is a suspect, at which all threads
are held until no other can go on, which is one run a place instead of one a pair and finds most bugs; of a pair, the
order that was not seen is taken, not either at random. Who is not held goes by random priorities, without preemption.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_racecheck.strategy.suspects import Flip, Suspect, Suspects

if TYPE_CHECKING:
    from random import Random

    from pytest_racecheck.engine.thread import ControlledThread, Ready

#: What one run may release in vain before its suspect is given up: threads may come to a place again and again.
_RELEASES: Final = 20

#: So many runs in a row without a suspect mean that there are no more.
_RUNS_WITHOUT: Final = 3


class Directed:
    """Begins with runs that only look. ``finished`` when it has no suspect left; it begins again then."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._suspects = Suspects(random)
        self._without = 0
        self._begin(None)

    @property
    def observer(self) -> Suspects:
        """Watches every run."""
        return self._suspects

    @property
    def finished(self) -> bool:
        """Whether a few runs in a row have shown nothing new."""
        return self._without >= _RUNS_WITHOUT

    def begin(self) -> None:
        """Takes the next suspect."""
        if self.finished:
            self._suspects = Suspects(self._random)
            self._without = 0
        self._suspects.begin()
        suspect = self._suspects.next()
        self._without = 0 if suspect is not None else self._without + 1
        self._begin(suspect)

    def _begin(self, suspect: Suspect | None) -> None:
        self._suspect = suspect
        self._releases = 0
        self._lowest = 0.0
        self._seen: set[ControlledThread] = set()
        self._held: set[ControlledThread] = set()
        #: Those that were released, with the operation that they may carry out.
        self._released: dict[ControlledThread, int] = {}

    def choose(self, ready: Ready, last: ControlledThread, can_go_on: bool) -> ControlledThread:
        """The one with the highest priority that need not wait."""
        self._suspects.arrives(last)
        for thread in ready:
            if thread not in self._seen:
                self._seen.add(thread)
                thread.priority = self._random.random()
        while True:
            chosen = max((thread for thread in ready if thread not in self._held), key=_priority, default=None)
            if chosen is None:
                self._release()
                continue
            partner = self._partner(chosen)
            if partner is not None:
                chosen = self._flip(chosen, partner)
            elif self._must_wait(chosen):
                self._held.add(chosen)
                continue
            return chosen

    def _must_wait(self, thread: ControlledThread) -> bool:
        suspect = self._suspect
        if suspect is None or self._released.get(thread) == thread.ops:
            return False
        place = self._suspects.place(thread)
        if isinstance(suspect, Flip):
            return place is not None and place in suspect
        return place in suspect.places and suspect.path in (None, thread.path)

    def _partner(self, thread: ControlledThread) -> ControlledThread | None:
        """The thread that waits for ``thread`` at the other place of a pair."""
        if isinstance(self._suspect, Flip):
            place = self._suspects.place(thread)
            thing = self._suspects.thing(thread)
            for other in self._held:
                places = (place, self._suspects.place(other))
                if self._suspects.thing(other) is thing and self._suspect in (places, places[::-1]):
                    return other
        return None

    def _flip(self, thread: ControlledThread, partner: ControlledThread) -> ControlledThread:
        """Both are there: the later one goes, and the other as soon as it can after that."""
        assert isinstance(self._suspect, Flip)
        second_goes = self._suspects.place(thread) == self._suspect.second
        first, second = (partner, thread) if second_goes else (thread, partner)
        first.priority = 3.0
        second.priority = 2.0
        self._give_up()
        return second

    def _release(self) -> None:
        """Nobody else can go on."""
        self._releases += 1
        if isinstance(self._suspect, Flip) and self._releases < _RELEASES:
            self._released.update((thread, thread.ops) for thread in self._held)
            self._held.clear()
        else:
            self._give_up()

    def _give_up(self) -> None:
        self._suspect = None
        self._held.clear()

    def naps(self, thread: ControlledThread) -> bool:
        """A sleeping thread waits until nothing else can run."""
        return False

    def gave_way(self, thread: ControlledThread) -> None:
        """A thread that polls gets the lowest priority; what it waits for may be held."""
        self._lowest -= 1.0
        thread.priority = self._lowest
        self._seen.add(thread)
        self._give_up()

    def end(self, points: int) -> None:
        """Looks for suspects in what the run did."""
        self._suspects.end()


def _priority(thread: ControlledThread) -> float:
    return thread.priority
