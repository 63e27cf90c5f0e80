"""What is noted of a run that is replayed for its report: every operation, where, on what, with which values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_racecheck.engine.operation import UNKNOWN, Site
from pytest_racecheck.engine.peek import MISSING, peek, show
from pytest_racecheck.engine.places import current_site

if TYPE_CHECKING:
    from pytest_racecheck.engine.operation import Access, Kind
    from pytest_racecheck.engine.schedule import Mark
    from pytest_racecheck.engine.thread import ControlledThread


class Recorded:
    """One operation. ``before`` and ``after`` are texts, None where the value is not known."""

    __slots__ = ("after", "before", "kind", "name", "resource", "shared", "site", "thread")

    def __init__(
        self, thread: ControlledThread, kind: str, site: Site | None, resource: object, name: str, shared: bool
    ) -> None:
        self.thread = thread
        self.kind = kind
        self.site = site
        self.resource = resource
        self.name = name
        self.shared = shared
        self.before: str | None = None
        self.after: str | None = None


class Switch:
    """The baton went from one thread, which was about to do something, to another, ``after`` so many operations."""

    __slots__ = ("after", "can_go_on", "kind", "resource", "site", "source", "target")

    def __init__(
        self, after: int, source: ControlledThread, target: ControlledThread, can_go_on: bool, site: Site | None
    ) -> None:
        self.after = after
        self.source = source
        self.target = target
        self.can_go_on = can_go_on
        self.site = site
        self.kind = source.kind
        self.resource = source.resource


class Recording:
    """The record of one run. It names every operation by a mark, which says the same on other versions of Python."""

    def __init__(self) -> None:
        self.operations: list[Recorded] = []
        self.switches: list[Switch] = []
        self.marks: dict[tuple[str, int], Mark] = {}
        self.site: Site | None = None
        self._counts: dict[tuple[str, ...], int] = {}
        self._open: tuple[Recorded, Access, object, object] | None = None

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
            name = (thread.path, thread.kind, file, site.function if site else "", site.source if site else "")
            count = self._counts[name] = self._counts.get(name, 0) + 1
            mark = self.marks[position] = (*name, count)
        return mark

    def operation(self, thread: ControlledThread, kind: Kind, resource: object) -> None:
        """A synchronisation operation, or the beginning of an access that `access` tells in full."""
        self._settle()
        self.mark(thread)
        if kind in _MEMORY and hasattr(resource, "container"):
            return
        self.site = current_site() if kind != "end" else None
        self.operations.append(Recorded(thread, kind, self.site, resource, "", True))

    def access(self, thread: ControlledThread, access: Access, owner: object, key: object) -> None:
        """An access to memory."""
        self._settle()
        thread.kind = access.kind
        thread.resource = access
        self.mark(thread)
        self.site = access.site
        value = MISSING if owner is UNKNOWN else peek(owner, access, key)
        recorded = Recorded(thread, access.kind, access.site, owner, access.name, access.shared)
        recorded.before = None if value is MISSING else show(value)
        self.operations.append(recorded)
        if access.writes and owner is not UNKNOWN:
            self._open = (recorded, access, owner, key)

    def switch(self, source: ControlledThread, target: ControlledThread, can_go_on: bool) -> None:
        """The baton goes on."""
        self._settle()
        site = None if source.kind == "end" else current_site()
        resource: Any = source.resource
        if source.kind in _MEMORY and hasattr(resource, "site"):
            site = resource.site
        self.switches.append(Switch(len(self.operations), source, target, can_go_on, site))

    def clock_jumps(self) -> None:
        """Nothing that a report shows."""

    def finish(self) -> None:
        """The run is over."""
        self._settle()

    def _settle(self) -> None:
        """The last write has happened by now: note what it left."""
        if self._open is not None:
            recorded, access, owner, key = self._open
            self._open = None
            value = peek(owner, access, key)
            recorded.after = None if value is MISSING else show(value)


_MEMORY = frozenset(("read", "write", "update"))
