"""Watches interleavings on behalf of the detectors, and tells the strategy's own observer what it is told.

A run that is watched takes longer, so that not every run is, unless somebody asks for what only that shows: the first
ones, which show nearly all, and then now and again one.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.detect.clocks import Clocks
from pytest_racecheck.detect.happens_before import GIVES, TAKES
from pytest_racecheck.engine.operation import UNKNOWN, Access
from pytest_racecheck.engine.places import current_site
from pytest_racecheck.watch.coverage import Orders
from pytest_racecheck.watch.leaks import leaks
from pytest_racecheck.watch.lock_order import LockOrder, root_of
from pytest_racecheck.watch.race_pairs import RacePairs

if TYPE_CHECKING:
    from collections.abc import Hashable

    from pytest_racecheck.engine.observer import Observer
    from pytest_racecheck.engine.operation import Kind, Site
    from pytest_racecheck.engine.schedule import Schedule
    from pytest_racecheck.engine.scheduler import Scheduler
    from pytest_racecheck.engine.thread import ControlledThread
    from pytest_racecheck.report.model import Finding

#: Of a search, so many runs are watched at first, and one in so many after that.
_FIRST: Final = 16
_LATER: Final = 32

#: After so many operations of watched runs, no further run is watched: where runs are long, each shows a lot.
_ENOUGH: Final = 20_000


class Watcher:
    """An observer in front of another one. `begin` and `end` frame a run.

    ``every``: all runs are watched. ``covers``: it is noted for all of them in which orders lines met, too.
    """

    def __init__(self, *, every: bool, covers: bool) -> None:
        self._every = every
        self._covers_all = covers
        self._covers = True
        self._behind: Observer | None = None
        self.races = RacePairs()
        self.lock_order = LockOrder()
        self.orders = Orders()
        #: What stands for locks that one thread takes and another one gives back: signals, that is.
        self.handed: set[object] = set()
        #: What interleavings left behind, with the first that did.
        self.leaks: dict[Hashable, Finding] = {}
        #: The same of the last run that was torn down.
        self.left: set[Hashable] = set()
        #: The schedules of the runs that showed something new, by number.
        self.schedules: dict[int, Schedule] = {}
        self._interleaving = 0
        self._operations = 0

    def watches(self, interleaving: int) -> bool:
        """Whether the run of this number is to be watched."""
        return self._every or (_is_sampled(interleaving) and self._operations < _ENOUGH)

    def begin(self, behind: Observer | None, interleaving: int) -> Watcher:
        """A new run, which ``behind`` is told of as well."""
        self._behind = behind
        self._interleaving = interleaving
        self._covers = self._covers_all or _is_sampled(interleaving)
        self._schedule: Schedule = ()
        self._clocks = Clocks()
        self._clocks.begin(0)
        self._tried: set[object] = set()
        #: Where each thread was started.
        self._starts: dict[int, Site | None] = {}
        self.races.begin(self._clocks)
        self.lock_order.begin()
        self.orders.begin()
        return self

    def end(self, schedule: Schedule, operations: int, controlled: bool) -> None:
        """The test body is over, after so many operations. ``controlled``: all that orders its threads is known."""
        self._operations += operations
        self.orders.watched += self._covers
        self._schedule = schedule
        if self.races.end(self._interleaving, controlled) + self.lock_order.end(self._interleaving):
            self.schedules[self._interleaving] = schedule

    @property
    def seen(self) -> set[Hashable]:
        """What the last run showed."""
        return {*self.races.seen, *self.lock_order.seen}

    def torn_down(self, scheduler: Scheduler) -> None:
        """The fixtures are gone, and nothing that still runs was stopped yet."""
        self.left = set()
        marks = {lock for thread in scheduler.threads for lock in thread.held if root_of(lock) in self.handed}
        for finding in leaks(scheduler, marks | self._tried, self._starts):
            key = (finding.text, finding.sites[0].line)
            finding.interleaving = self._interleaving
            self.left.add(key)
            if key not in self.leaks:
                self.leaks[key] = finding
                self.schedules[self._interleaving] = self._schedule
        self.begin(None, self._interleaving)  # nothing of the test's is kept

    # ------------------------------------------------------------------ what the engine tells

    @property
    def site(self) -> Site | None:
        """As the observer behind says, or found out: whoever keeps a lock is to be told where it was taken."""
        return (None if self._behind is None else self._behind.site) or current_site()

    def operation(self, thread: ControlledThread, kind: Kind, resource: Any) -> None:
        """Notes what orders threads."""
        if self._behind is not None:
            self._behind.operation(thread, kind, resource)
        if type(resource) is Access:
            return  # `access` follows
        number = thread.index
        if kind == "acquire":
            self._clocks.take(number, resource)
            if thread.limit is not None:
                self._tried.add(resource)
            elif thread.held and not resource.origin.handed:
                self.lock_order.acquired(thread, resource)
        elif kind == "release":
            self._clocks.give(number, resource)
            if resource.owner is not thread and not resource.origin.handed:
                self.handed.add(root_of(resource))
        else:
            self._rarely(number, thread, kind, resource)

    def _rarely(self, number: int, thread: ControlledThread, kind: Kind, resource: object) -> None:
        if kind == "join" or kind in TAKES:
            self._clocks.take(number, resource)
            if kind == "try-acquire":
                self._tried.add(resource)
        if kind in GIVES:
            self._clocks.give(number, thread if kind == "end" else resource)

    def access(self, thread: ControlledThread, access: Access, owner: object, key: object) -> None:
        """Looks for races."""
        if self._behind is not None:
            self._behind.access(thread, access, owner, key)
        if owner is UNKNOWN or thread.unwinding:
            return
        if self._covers and access.shared:
            self.orders.access(thread, access)
        if access.site.file == threading.__file__ and isinstance(owner, (threading.Event, threading.Barrier)):
            # Whoever sees in which state an event or a barrier is comes after those who brought it there.
            if access.writes:
                self._clocks.give(thread.index, thread.location)
            else:
                self._clocks.take(thread.index, thread.location)
            return
        self.races.access(thread, access, owner, key)

    def switch(self, source: ControlledThread, target: ControlledThread, can_go_on: bool) -> None:
        """Nothing that orders threads."""
        if self._behind is not None:
            self._behind.switch(source, target, can_go_on)

    def started(self, parent: ControlledThread, child: ControlledThread) -> None:
        """The child comes after all that its parent did so far."""
        if self._behind is not None:
            self._behind.started(parent, child)
        self._clocks.begin(child.index, parent.index)
        self._starts[child.index] = current_site()

    def woken(self, thread: ControlledThread) -> None:
        """Time orders nothing."""
        if self._behind is not None:
            self._behind.woken(thread)

    def deadlock(self, threads: list[ControlledThread]) -> None:
        """Diagnosed elsewhere."""
        if self._behind is not None:
            self._behind.deadlock(threads)

    def clock_read(self, thread: ControlledThread) -> None:
        """Time orders nothing."""
        if self._behind is not None:
            self._behind.clock_read(thread)


def _is_sampled(interleaving: int) -> bool:
    return interleaving < _FIRST or interleaving % _LATER == 0
