"""The trace of one run: its events, what happens before what, and the races that another run could turn around.

An event is an operation that another thread could notice. Happens-before is the least partial order that contains the
order of each thread, thread start and join, and the order of every two dependent events. It is kept in vector clocks
(Mattern, Virtual Time and Global States of Distributed Systems, 1989).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.engine.dependence import NOTHING, footprint
from pytest_racecheck.engine.operation import UNKNOWN

if TYPE_CHECKING:
    from pytest_racecheck.engine.dependence import Footprint
    from pytest_racecheck.engine.operation import Access, Kind, Site
    from pytest_racecheck.engine.thread import ControlledThread

Clock = list[int]

#: Operations that go on only when what they are about is free, and so can't come before what made it free.
_BLOCKING: Final = frozenset(("acquire", "get", "join"))


class Event:
    """One operation. ``choice`` is the number of the choice that led to it, -1 if there was none to make.

    Operations between which no switch is possible are one step: ``head`` is the first of them. ``seq`` counts the steps
    of the thread from 1, ``first`` is that of the first step since the choice. ``clock`` says how many steps of each
    thread happen before this one, itself included.
    """

    __slots__ = (
        "attempt",
        "blocking",
        "choice",
        "clock",
        "first",
        "footprint",
        "free",
        "head",
        "index",
        "path",
        "seq",
        "thread",
    )

    def __init__(self, thread: ControlledThread, footprint: Footprint, choice: int, head: Event | None = None) -> None:
        self.head: Final = head or self
        self.thread: Final = thread.index
        self.path: Final = thread.path
        self.footprint: Final = footprint
        self.choice: Final = choice
        #: It could only go on because its resource was free; ``free`` says whether that was so right before it.
        self.blocking = False
        self.free = True
        #: It did not happen: the thread had to wait, and may have given up in the end.
        self.attempt = False
        self.index = 0
        self.seq = 0
        self.first = 0
        self.clock: Clock = []


class Race:
    """Two steps that depend on each other with nothing in between: ``second`` could have come before ``first``."""

    __slots__ = ("first", "second")

    def __init__(self, first: Event, second: Event) -> None:
        self.first: Final = first
        self.second: Final = second


class Trace:
    """Watches one run. The strategy sets ``choice`` at each choice, and to -1 when a thread goes on without one."""

    site: Site | None = None

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.choice = -1
        #: Threads whose wait has run out: they can go on whether they get what they waited for or not.
        self._awake: set[int] = set()
        #: Between events, by the number of the event that follows: (parent, child) of a start, (thread, -1) of a wake.
        self._marks: list[tuple[int, int, int]] = []
        self._clock_readers: set[int] = set()
        self._threads: list[ControlledThread] = []
        #: What each thread waits for when the run has come to its end, or is cut.
        self._blocked: dict[ControlledThread, object] | None = None
        #: What the run did that the trace does not show.
        self.gaps: set[str] = set()
        #: Several operations went by in one step, where a switch was not possible.
        self.compound = False
        #: How many events there were when all that follows turned out to be equivalent to another run.
        self.cut_at: int | None = None
        #: The last event, if the same thread has gone on since.
        self._latest: Event | None = None

    # ------------------------------------------------------------------ what the engine tells

    def operation(self, thread: ControlledThread, kind: Kind, resource: object) -> None:
        """An operation on anything but memory."""
        if hasattr(resource, "container") or thread.unwinding:
            return
        if kind == "block" and thread.deadline is not None:
            self._attempt(thread, footprint(thread), bool(thread.atomic))
            return
        touched = footprint(thread, kind, resource)
        if touched is NOTHING:
            return
        event = self._add(thread, touched, bool(thread.atomic))
        is_free: Any = getattr(resource, "is_free", None)
        if is_free is not None:
            event.free = is_free()
        elif kind == "end":
            event.free = False
        if kind in _BLOCKING:
            event.blocking = thread.index not in self._awake
        self._awake.discard(thread.index)

    def access(self, thread: ControlledThread, access: Access, owner: object, key: object) -> None:
        """An access to memory."""
        if not access.shared or thread.unwinding:
            return
        if owner is UNKNOWN:
            self.gaps.add(f"what {access.site.source!r} is about can't be told ({access.site.place})")
        self._add(thread, footprint(thread, access.kind, access), bool(thread.atomic) or not thread.switchable)

    def _note(self, thread: ControlledThread, touched: Footprint, joined: bool) -> Event:
        latest = self._latest
        joined = joined and latest is not None and latest.thread == thread.index and latest.choice == self.choice
        event = self._latest = Event(thread, touched, self.choice, latest.head if joined and latest else None)
        event.index = len(self.events)
        self.events.append(event)
        return event

    def _add(self, thread: ControlledThread, touched: Footprint, joined: bool) -> Event:
        event = self._note(thread, touched, joined)
        if event.head is event:
            self.begins(thread)
        else:
            self.compound = True
        self.after(thread, touched)
        return event

    def _attempt(self, thread: ControlledThread, touched: Footprint, joined: bool) -> None:
        event = self._note(thread, touched, joined)
        event.blocking = event.attempt = True

    def begins(self, thread: ControlledThread) -> None:
        """For the strategy: a step of ``thread`` begins."""

    def after(self, thread: ControlledThread, touched: Footprint) -> None:
        """For the strategy: ``thread`` does something that touches this."""

    def started(self, parent: ControlledThread, child: ControlledThread) -> None:
        """The child comes after all that its parent did so far."""
        self._add(parent, NOTHING, bool(parent.atomic))
        self._marks.append((len(self.events), parent.index, child.index))
        self._threads.append(child)

    def woken(self, thread: ControlledThread) -> None:
        """It comes after all that anyone did so far: while somebody could go on, its time was not up.

        What it has waited for until now could have been its own, whenever that was free in the meantime.
        """
        if thread.waits is not None:
            latest = self._latest
            self._attempt(thread, footprint(thread, "acquire", thread.waits), False)
            self._latest = latest  # the thread that runs may be in the midst of a step
        if thread.kind in _BLOCKING:
            self._awake.add(thread.index)
        self._marks.append((len(self.events), thread.index, -1))

    def deadlock(self, threads: list[ControlledThread]) -> None:
        """What they wait for could have been theirs earlier, in another run."""
        if self._blocked is None:
            self._blocked = {
                thread: thread.waits
                for thread in threads
                if not (thread.ended or thread.waits is None or thread.slot >= 0)
            }

    def clock_read(self, thread: ControlledThread) -> None:
        """What the clock shows depends on how often others looked at it."""
        self._clock_readers.add(thread.index)
        if len(self._clock_readers) > 1:
            self.gaps.add("more than one thread looks at the clock")

    def switch(self, source: ControlledThread, target: ControlledThread, can_go_on: bool) -> None:
        """Another thread goes on."""
        self._latest = None

    # ------------------------------------------------------------------ analysis

    def unfinished(self) -> Iterator[ControlledThread]:
        """Threads that could have gone on when the run ended."""
        return (each for each in self._threads if not each.ended and (each.slot >= 0 or each.deadline is not None))

    def cut(self, threads: list[ControlledThread]) -> None:
        """Nothing that follows is worth a look; what ``threads``, which are all, wait for at this moment is."""
        self.cut_at = len(self.events)
        self.deadlock(threads)

    def races(self) -> Iterator[Race]:
        """All races of the run, up to where it was cut. To be called once, when it is over."""
        events = self.events[: self.cut_at]
        clocks: list[Clock] = [[0] * (1 + len(self._threads)) for _ in range(1 + len(self._threads))]
        histories: dict[int, _History] = {}
        firsts: dict[tuple[int, int], int] = {}
        marks = iter([*self._marks, (len(self.events) + 1, 0, 0)])
        mark = next(marks)
        for step in _steps(events):
            head = step[0]
            while mark[0] <= head.index:
                _order(clocks, mark[1], mark[2])
                mark = next(marks)
            head.first = head.seq = clocks[head.thread][head.thread] + 1
            if head.choice >= 0:
                head.first = firsts.setdefault((head.thread, head.choice), head.seq)
            yield from _races(step, clocks, histories)
            for event in step:
                event.seq, event.first, event.clock = head.seq, head.first, head.clock
                if event.attempt:
                    continue
                for resource in (event.footprint.first, event.footprint.second):
                    if resource is not None:
                        histories[id(resource)].add(event)
                clocks[event.thread] = event.clock
        self.deadlock(self._threads)
        for thread, resource in (self._blocked or {}).items():
            event = Event(thread, footprint(thread, "acquire", resource), -1)
            event.blocking = True
            event.index = len(events)
            event.seq = clocks[event.thread][event.thread] + 1
            yield from _races([event], clocks, histories)


def _steps(events: list[Event]) -> Iterator[list[Event]]:
    step: list[Event] = []
    for event in events:
        if event.head is event:
            if step:
                yield step
            step = []
        step.append(event)
    if step:
        yield step


def _races(step: list[Event], clocks: list[Clock], histories: dict[int, _History]) -> Iterator[Race]:
    """The races that end in ``step``, whose clock is set here."""
    head = step[0]
    clock = clocks[head.thread]
    head.clock = clock.copy()
    #: What the step could come before, with whether that is so because what it waits for was free.
    candidates: list[tuple[Event, bool]] = []
    for event in step:
        for resource in (event.footprint.first, event.footprint.second):
            if resource is not None:
                history = histories.setdefault(id(resource), _History())
                before = history.before(event)
                for other in before:
                    head.clock[:] = map(max, head.clock, other.clock)
                reversible = history.before(event, free_only=True) if event.blocking else before
                candidates += [(other.head, event.blocking) for other in reversible if other.thread != event.thread]
    head.clock[head.thread] = head.seq
    turned: set[int] = set()
    for first, waits in candidates:
        if first.choice < 0 or clock[first.thread] >= first.first or first.index in turned:
            continue
        if waits or not any(_precedes(first, other) for other, _ in candidates):
            turned.add(first.index)
            yield Race(first, head)


def _order(clocks: list[Clock], thread: int, child: int) -> None:
    if child >= 0:
        clocks[child] = clocks[thread].copy()
        clocks[child][child] = 0
    else:
        own = clocks[thread][thread]
        clocks[thread] = [max(column) for column in zip(*clocks, strict=True)]
        clocks[thread][thread] = own


class _History:
    """The events so far on one thing: those that only look at it apart, since there may be very many."""

    __slots__ = ("looks", "writes")

    def __init__(self) -> None:
        self.looks: list[Event] = []
        self.writes: list[Event] = []

    def add(self, event: Event) -> None:
        """One more."""
        (self.looks if event.footprint.reads else self.writes).append(event)

    def before(self, event: Event, free_only: bool = False) -> list[Event]:
        """The latest events that ``event`` depends on, back to the one that all earlier ones precede.

        ``free_only``: as if there had been none but those that found the thing free.
        """
        touched = event.footprint
        found = []
        start = -1
        for write in reversed(self.writes):
            if touched.conflicts(write.footprint) and (write.free or not free_only):
                found.append(write)
                if write.footprint.item in (None, touched.item):
                    start = write.index
                    break
        if not touched.reads:
            for look in reversed(self.looks):
                if look.index < start:
                    break
                if touched.conflicts(look.footprint) and (look.free or not free_only):
                    found.append(look)
        return found


def _precedes(step: Event, other: Event) -> bool:
    return other is not step and other.clock[step.thread] >= step.seq
