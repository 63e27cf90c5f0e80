"""Vector clocks (Mattern, Virtual Time and Global States of Distributed Systems, 1989) of the threads of one run.

What one thread did comes before what another does if the first *gave* something afterwards (released a lock, put an
item, ended, started the other) that the second *took* before. Everything else is left to chance.

A thread's own entry counts the times that it gave something. So all that it does between two of those has one number,
and thread and number, its *epoch*, are enough to compare it with any clock (Flanagan & Freund, FastTrack, 2009).
"""

from __future__ import annotations

#: By thread number, up to which epoch of that thread all is known to have happened. Never changed once made.
Clock = list[int]


class Given:
    """What comes with a thing: what its takers come after, and a thread that knows all of that already (or -1)."""

    __slots__ = ("clock", "knower")

    def __init__(self, clock: Clock, knower: int) -> None:
        self.clock = clock
        self.knower = knower


class Clocks:
    """The clocks of one run. Threads are numbered from 0; things are compared by equality and have to be hashable."""

    __slots__ = ("_things", "now")

    def __init__(self) -> None:
        #: The clock of each thread.
        self.now: list[Clock] = []
        self._things: dict[object, Given] = {}

    def begin(self, thread: int, parent: int | None = None) -> None:
        """``thread`` begins, after all that its ``parent`` did so far."""
        while len(self.now) <= thread:
            self.now.append([0] * len(self.now) + [1])
        if parent is not None:
            self.now[thread] = merged(self.now[thread], self.now[parent])
            self.step(parent)

    def give(self, thread: int, thing: object) -> None:
        """``thread`` gives ``thing`` away: who takes it from now on comes after all that it did."""
        clock = self.now[thread]
        given = self._things.get(thing)
        if given is None:
            self._things[thing] = Given(clock, thread)
        elif given.knower == thread:
            given.clock = clock
        else:
            given.clock = merged(clock, given.clock)
            given.knower = -1
        clock = self.now[thread] = clock.copy()
        clock[thread] += 1

    def take(self, thread: int, thing: object) -> None:
        """``thread`` takes ``thing``, and comes after all who gave it so far."""
        given = self._things.get(thing)
        if given is not None and given.knower != thread:
            self.now[thread] = merged(self.now[thread], given.clock)
            given.knower = thread

    def step(self, thread: int) -> None:
        """The next epoch of ``thread``."""
        clock = self.now[thread] = self.now[thread].copy()
        clock[thread] += 1


def knows(clock: Clock, thread: int, epoch: int) -> bool:
    """Whether what ``thread`` did in ``epoch`` comes before what has ``clock``."""
    return thread < len(clock) and clock[thread] >= epoch


def merged(clock: Clock, other: Clock) -> Clock:
    """What both know."""
    missing = len(other) - len(clock)
    if missing > 0:
        clock = clock + [0] * missing
    elif missing < 0:
        other = other + [0] * -missing
    return list(map(max, clock, other))
