"""Directed search: each run drives straight at one suspect that the runs before have shown.

Two operations of different threads that depend on each other might go wrong the other way round, or at the same time;
locks that are taken in a ring might meet in a deadlock. Threads that come to the places in question are held there, and
the others go on: Sen, Race Directed Random Testing of Concurrent Programs, PLDI 2008 (RaceFuzzer); Joshi, Park, Sen,
Naik, A Randomized Dynamic Program Analysis Technique for Detecting Real Deadlocks, PLDI 2009 (DeadlockFuzzer).

Deviations from the papers: there is one run for each suspect and no phase of analysis, since every directed run is
watched for further ones; critical sections of one lock are a suspect like accesses to one place in memory, and accesses
that are always made under the same lock are none; besides pairs, each single place is a suspect, at which all threads
or a certain one are held until no other can go on, which takes one run a place instead of one a pair; of a pair, the
other order than the one that was seen is taken, not either at random; and those who wait in vain go on when
nobody else can. Who is not held goes by random priorities, without preemption.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_racecheck.strategy.suspects import Flip, Hold, Suspect, Suspects

if TYPE_CHECKING:
    from random import Random

    from pytest_racecheck.engine.thread import ControlledThread, Ready

#: What one run may release in vain before its suspect is given up: threads may come to a place again and again.
_RELEASES: Final = 20


class Directed:
    """Begins with a run that only looks. Once every suspect had its run, each run takes two at random."""

    exhaustive = None

    def __init__(self, random: Random) -> None:
        self._random = random
        self._suspects = Suspects(random)
        self._begin([])

    @property
    def observer(self) -> Suspects:
        """Watches every run."""
        return self._suspects

    def begin(self) -> None:
        """Takes the next suspect."""
        self._suspects.begin()
        suspect = self._suspects.next()
        self._begin(self._suspects.two() if suspect is None else [suspect])

    def _begin(self, pursued: list[Suspect]) -> None:
        self._pursued = pursued
        self._releases = 0
        self._lowest = 0.0
        self._seen: set[ControlledThread] = set()
        #: Who waits, and for which suspect.
        self._held: dict[ControlledThread, Suspect] = {}
        #: Those that were released, with the operation that they may carry out.
        self._released: dict[ControlledThread, int] = {}

    def choose(self, ready: Ready, last: ControlledThread, can_go_on: bool) -> ControlledThread:
        """The one with the highest priority that need not wait."""
        self._suspects.arrives(last)
        for thread in ready:
            if thread not in self._seen:
                self._seen.add(thread)
                thread.priority = self._random.random() + self._leads_to(thread)
        while True:
            chosen = max((thread for thread in ready if thread not in self._held), key=_priority, default=None)
            if chosen is None:
                self._release()
                continue
            suspect = self._waits_for(chosen)
            if suspect is None:
                return chosen
            if isinstance(suspect, Flip):
                partner = self._partner(chosen, suspect)
                if partner is not None:
                    return self._flip(suspect, chosen, partner)
            self._held[chosen] = suspect

    def _leads_to(self, thread: ControlledThread) -> bool:
        """Whether it is one that is to be held, or that has to start it: before the others get on with it."""
        start = f"{thread.path}."
        return any(isinstance(each, Hold) and f"{each.path}.".startswith(start) for each in self._pursued)

    def _waits_for(self, thread: ControlledThread) -> Suspect | None:
        if not self._pursued or self._released.get(thread) == thread.ops:
            return None
        place = self._suspects.place(thread)
        if place is not None:
            for suspect in self._pursued:
                if isinstance(suspect, Flip):
                    if place in suspect:
                        return suspect
                elif place in suspect.places and suspect.path in (None, thread.path):
                    return suspect
        return None

    def _partner(self, thread: ControlledThread, suspect: Flip) -> ControlledThread | None:
        """The thread that waits for ``thread`` at the other place of the pair."""
        place = self._suspects.place(thread)
        thing = self._suspects.thing(thread)
        for other, awaited in self._held.items():
            places = (place, self._suspects.place(other))
            if awaited == suspect and self._suspects.thing(other) is thing and suspect in (places, places[::-1]):
                return other
        return None

    def _flip(self, suspect: Flip, thread: ControlledThread, partner: ControlledThread) -> ControlledThread:
        """Both are there: the later one goes, and the other as soon as it can after that."""
        second_goes = self._suspects.place(thread) == suspect.second
        first, second = (partner, thread) if second_goes else (thread, partner)
        first.priority = 3.0
        second.priority = 2.0
        self._give_up(suspect)
        return second

    def _release(self) -> None:
        """Nobody else can go on."""
        self._releases += 1
        self._released.update((thread, thread.ops) for thread in self._held)
        for suspect in set(self._held.values()):
            if isinstance(suspect, Hold) or self._releases >= _RELEASES:
                self._give_up(suspect)
        self._held.clear()

    def _give_up(self, suspect: Suspect) -> None:
        self._pursued.remove(suspect)
        self._held = {thread: other for thread, other in self._held.items() if other != suspect}

    def naps(self, thread: ControlledThread) -> bool:
        """A sleeping thread waits until nothing else can run."""
        return False

    def gave_way(self, thread: ControlledThread) -> None:
        """A thread that polls gets the lowest priority; what it waits for may be held."""
        self._lowest -= 1.0
        thread.priority = self._lowest
        self._seen.add(thread)
        self._pursued = []
        self._held = {}

    def end(self, points: int) -> None:
        """Looks for suspects in what the run did."""
        self._suspects.end()


def _priority(thread: ControlledThread) -> float:
    return thread.priority
