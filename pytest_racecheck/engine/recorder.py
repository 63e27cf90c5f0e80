"""What is noted of a run that is replayed for its report: every operation, where, on what, with which values."""

from __future__ import annotations

import functools
import re
import sys
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.detect.events import NOTHING, Event, Turn
from pytest_racecheck.detect.stacks import MAX_FRAMES, frame_of, outermost_library_frame, report_stack, user_frames
from pytest_racecheck.detect.waits import awaited
from pytest_racecheck.engine.clock import Clock
from pytest_racecheck.engine.names import LOOKS, Names, library_call, lock_expression
from pytest_racecheck.engine.operation import UNKNOWN, Site
from pytest_racecheck.engine.peek import MISSING, peek, show, show_item
from pytest_racecheck.engine.places import current_site, is_users, site_at
from pytest_racecheck.engine.thread import ControlledThread
from pytest_racecheck.instrument.variables import Closure
from pytest_racecheck.primitives import channels, files
from pytest_racecheck.strategy.replay import Replay

if TYPE_CHECKING:
    from types import FrameType

    from pytest_racecheck.engine.operation import Access, Kind
    from pytest_racecheck.engine.schedule import Mark
    from pytest_racecheck.report.model import Frame

_MEMORY: Final = frozenset(("read", "write", "update"))

#: What a thread looks at is noted until it has looked so often in vain, counted as the scheduler does.
_LOOKS: Final = 20_000
_FEW_LOOKS: Final = 200

#: Operations whose resource only says how long, or nothing.
_ALONE: Final = frozenset(("begin", "end", "sleep", "point"))

_COMPREHENSION: Final = re.compile(r"<(?:list|set|dict)comp>(?:\.<locals>\.)?")


class Recording:
    """The record of one run. Nothing that is done for it is part of the run: the thread is quiet meanwhile.

    It names every operation by a mark, which says the same on other versions of Python. ``threads``: those that did
    anything, in the order in which they began to. ``brief``: of loops that go on for ever, only the first few turns.
    Unless ``named``, what the threads share is not looked for in memory in order to name it: nobody reads the names.
    """

    def __init__(self, *, brief: bool = False, named: bool = True) -> None:
        self._looks = _FEW_LOOKS if brief else _LOOKS
        self._brief = brief
        self.events: list[Event] = []
        #: Of each event, the path of its thread and the number of the operation.
        self.positions: list[tuple[str, int]] = []
        self.turns: list[Turn] = []
        self.threads: dict[ControlledThread, None] = {}
        self.marks: dict[tuple[str, int], Mark] = {}
        self.site: Site | None = None
        #: The function that the main thread runs, which no thread was started with.
        self.main_function = ""
        self._names = Names(looks=LOOKS if named else 0)
        self._frames: dict[tuple[object, int], Frame] = {}
        self._counts: dict[tuple[str, ...], int] = {}
        self._callers: dict[int, str] = {}  # by the id of a frame
        self._open: tuple[Event, Access, object, object, FrameType] | None = None

    def mark(self, thread: ControlledThread) -> Mark:
        """The mark of what ``thread``, which is running, is about to do."""
        position = (thread.path, thread.ops)
        mark = self.marks.get(position)
        if mark is None:
            resource: Any = thread.resource
            site = resource.site if hasattr(resource, "site") and thread.kind in _MEMORY else current_site()
            if thread.kind == "end":
                site = None
            file = "" if site is None else site.file.replace("\\", "/").rpartition("/")[2]
            function = function_of_all_versions(site.function) if site else ""
            name = (thread.path, thread.kind, file, function, site.source if site else "")
            count = self._counts[name] = self._counts.get(name, 0) + 1
            mark = self.marks[position] = (*name, count)
        return mark

    def operation(self, thread: ControlledThread, kind: Kind, resource: object) -> None:
        """A synchronisation operation, or the beginning of an access that `access` tells in full."""
        if thread.unwinding:
            return  # what it still does only cleans up
        thread.quiet += 1
        try:
            self._settle()
            self.mark(thread)
            if thread.vain + thread.idle > self._looks and (self._brief or kind == "sleep"):
                return
            if kind not in _MEMORY or not hasattr(resource, "container"):
                self._operation(thread, kind, resource, sys._getframe(1))
        finally:
            thread.quiet -= 1

    def _operation(self, thread: ControlledThread, kind: Kind, resource: object, frame: FrameType) -> None:
        self.site = current_site() if kind != "end" else None
        event = self._add(thread, kind, "", frame)
        if isinstance(resource, ControlledThread):
            event.identity = self._names.number(resource)
            event.resource = event.child = resource.label
        elif kind == "end":
            event.identity = self._names.number(thread)
        elif kind == "sleep":
            event.resource = duration(resource)
        elif isinstance(resource, (str, Clock)):
            event.resource = resource if isinstance(resource, str) else "the clock"
        elif kind not in _ALONE and resource is not None:
            self._describe(event, thread, resource, frame)

    def _describe(self, event: Event, thread: ControlledThread, resource: Any, frame: FrameType) -> None:
        """What is known of an operation on a lock, a queue, a thread to start, the clock."""
        if event.kind == "start":
            event.resource = getattr(resource, "name", "")
            return
        call = library_call(frame)
        event.identity = self._names.number(resource)
        if event.kind == "file":
            what, event.subject, changes = files.described(frame)
            event.call = "write" if changes else "read"
            source = event.site.source if event.site is not None else ""
            event.resource = f"{what} {PurePath(event.subject).name}".strip() or channels.described(frame) or source
            if what == "open" and changes:
                event.resource += " for writing"
            return
        if call is not None:
            event.call = call.method
            event.subject = self._names.of_object(call.subject, thread.scheduler)
        if not _is_private(resource):
            event.resource = self._names.of_lock(resource, thread.scheduler, call, lock_expression(event.site))

    def access(self, thread: ControlledThread, access: Access, owner: object, key: object) -> None:
        """An access to memory."""
        thread.quiet += 1
        try:
            self._settle()
            thread.kind = access.kind
            thread.resource = access
            self.mark(thread)
            if thread.vain + thread.idle > self._looks and not access.writes:
                return
            frame = sys._getframe(1)
            # Of what the standard library does inside, the reader knows the call that led there. What it does in
            # threads of its own, a timer for one, was called from nowhere else.
            self.site = (
                access.site if is_users(access.site.file) else current_site() or site_at(outermost_library_frame(frame))
            )
            self._access(thread, access, owner, key, frame)
        finally:
            thread.quiet -= 1

    def _access(self, thread: ControlledThread, access: Access, owner: object, key: object, frame: FrameType) -> None:
        event = self._add(thread, access.kind, access.name, frame)
        event.stack = event.stack or tuple(report_stack(frame))
        event.memory = True
        event.container = access.container
        event.inside = not is_users(access.site.file)
        event.exact = owner is not UNKNOWN
        event.call = access.name if access.container and access.name != "[]" else ""
        if thread.location is not None:
            event.identity = self._names.number(thread.location)
            event.resource = self._names.of_location(thread.location, owner, access, thread.scheduler)
        if access.container and key is not None:
            event.item = show(key)
            event.resource = f"{event.resource}[{event.item}]"
        if owner is not UNKNOWN:
            event.before = _value(owner, access, key, frame)
            if access.writes:
                self._open = (event, access, owner, key, frame)

    def _add(self, thread: ControlledThread, kind: str, resource: str, frame: FrameType) -> Event:
        event = Event(len(self.events), thread.label, kind, resource, NOTHING, self.site)
        self.threads.setdefault(thread)
        stack = user_frames(frame)
        event.stack = tuple(self._frame(each) for each in reversed(stack[:MAX_FRAMES]))
        for each in stack:
            self._callers[id(each)] = thread.label
        if thread.path == "0" and stack:
            self.main_function = stack[-1].f_code.co_qualname
        event.holds = tuple(self._names.of_lock(lock, thread.scheduler, None, "a lock") for lock in thread.held)
        self.events.append(event)
        self.positions.append((thread.path, thread.ops))
        return event

    def _frame(self, frame: FrameType) -> Frame:
        key = (frame.f_code, frame.f_lineno)
        if key not in self._frames:
            self._frames[key] = frame_of(frame)
        return self._frames[key]

    def thread_of(self, frame: FrameType) -> str | None:
        """The thread that ``frame``, which is alive, was last seen in; None if it was never seen."""
        return self._callers.get(id(frame))

    def started(self, parent: ControlledThread, child: ControlledThread) -> None:
        """Told as an operation right before."""
        if self.events and self.events[-1].kind == "start":
            self.events[-1].child = child.label

    def switch(self, source: ControlledThread, target: ControlledThread, can_go_on: bool) -> None:
        """The baton goes on."""
        source.quiet += 1
        try:
            self._settle()
            self.mark(source)  # it may never come to carry out what it was about to do
            self._switch(source, target, can_go_on, sys._getframe(1))
        finally:
            source.quiet -= 1

    def _switch(self, source: ControlledThread, target: ControlledThread, can_go_on: bool, frame: FrameType) -> None:
        site = None if source.kind == "end" else current_site()
        resource: Any = source.resource
        if source.kind in _MEMORY and hasattr(resource, "site"):
            site = resource.site
        strategy = source.scheduler.strategy
        forced = isinstance(strategy, Replay) and (source.path, source.ops) in strategy.forced
        by_itself = ("gives way" if forced else "preempted", "")
        reason, subject = by_itself if can_go_on else self._reason(source, frame)
        turn = Turn(len(self.events), source.label, target.label, can_go_on, reason, site, subject)
        turn.forced = can_go_on and forced
        self.turns.append(turn)

    def _reason(self, source: ControlledThread, frame: FrameType) -> tuple[str, str]:
        """Why it does not go on, and the name that ``{}`` in it stands for."""
        kind, resource = source.kind, source.resource
        if kind == "end":
            return "ended", ""
        if kind == "sleep":
            return f"sleeps {duration(resource)}", ""
        if isinstance(resource, ControlledThread):
            return f"waits for the end of {resource.label}", ""
        if source.scheduler.stuck == "livelock":
            return "goes on like that", ""
        if source.waits is None:
            return ("done" if source.path == "0" else "waits"), ""
        what = awaited(frame) if _is_private(resource) else None
        if what is not None:
            return f"waits for {what[0]}", self._names.of_object(what[1], source.scheduler)
        name = self._names.of_lock(resource, source.scheduler, library_call(frame), lock_expression(current_site()))
        owner = getattr(resource, "owner", None)
        if kind == "get":
            return "waits for an item in {}", name
        return "blocked on {}" + (f" held by {owner.label}" if owner is not None else ""), name

    def rename(self, names: dict[int, str]) -> None:
        """Calls locks and the like as others do who saw more: ``names``, by their ids."""
        found = self._names.rename(names)
        for event in self.events if found else ():
            event.resource = found.get(event.resource, event.resource)
            event.subject = found.get(event.subject, event.subject)
            event.holds = tuple(found.get(name, name) for name in event.holds)
        for turn in self.turns:
            turn.subject = found.get(turn.subject, turn.subject)

    def woken(self, thread: ControlledThread) -> None:
        """Nothing that a report shows."""

    def deadlock(self, threads: list[ControlledThread]) -> None:
        """Diagnosed elsewhere."""

    def clock_read(self, thread: ControlledThread) -> None:
        """Nothing that a report shows."""

    def finish(self) -> None:
        """The run is over."""
        self._settle()

    def _settle(self) -> None:
        """The last write has happened by now: note what it left."""
        if self._open is not None:
            event, access, owner, key, frame = self._open
            self._open = None
            event.after = _value(owner, access, key, frame)


def duration(nanoseconds: object) -> str:
    """As in ``1 s``, ``50 ms``."""
    if not isinstance(nanoseconds, int):
        return ""
    for unit, size in (("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3g} {unit}"
    return f"{nanoseconds} ns"


def _value(owner: object, access: Access, key: object, frame: FrameType) -> str | None:
    if access.container and key is not None:
        return show_item(owner, key)
    if type(owner) is Closure:
        user = next(iter(user_frames(frame)), None)
        value = user.f_locals.get(access.name, MISSING) if user is not None else MISSING
        return None if value is MISSING else show(value)
    value = peek(owner, access, key)
    if issubclass(type(value), functools.cached_property):
        return "missing"  # it stands in the class until the object has a value of its own
    return None if value is MISSING else show(value)


def _is_private(resource: Any) -> bool:
    """Whether it is the lock that a condition makes for one who waits: no reader ever saw it."""
    return getattr(getattr(resource, "origin", None), "private", False)


def function_of_all_versions(name: str) -> str:
    """A qualified name without comprehensions, which are functions of their own up to 3.11."""
    if "comp>" not in name:
        return name
    return _COMPREHENSION.sub("", name).rstrip(".").removesuffix(".<locals>") or "<module>"
