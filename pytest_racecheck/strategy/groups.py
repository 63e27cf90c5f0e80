"""Groups of operations that may depend on each other, named alike in all runs of an item.

The objects of a program are made anew in every run, so what they are grouped by is where they come from: accesses to
memory by the instructions that were seen to touch one location, locks and queues by the place where they were made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Hashable

    from pytest_racecheck.engine.memory import Location
    from pytest_racecheck.engine.operation import Access
    from pytest_racecheck.engine.thread import ControlledThread

#: Operations that no other thread's can be dependent on, or only the end of a thread on its being waited for.
_ALONE: Final = frozenset(("begin", "end", "start", "join", "sleep", "block", "timeout"))

_MEMORY: Final = frozenset(("read", "write", "update"))


class Groups:
    """Learns which accesses belong together while runs go on; groups of memory only grow, and melt into each other."""

    def __init__(self) -> None:
        self._of_access: dict[Access, int] = {}
        self._melted: dict[int, int] = {}
        self._of_location: dict[Location, int] = {}
        self._locks: dict[Location, set[object]] = {}
        self._users: dict[Location | Hashable, set[str]] = {}
        self._changed: set[Hashable] = set()
        self._unprotected: set[Hashable] = set()

    def begin(self) -> None:
        """A new run: other locations."""
        for location in self._of_location:
            self._users.pop(location, None)
        self._of_location = {}
        self._locks = {}

    def of(self, thread: ControlledThread) -> Hashable:
        """The group of what ``thread`` is about to do; None for what depends on nothing."""
        kind = thread.kind
        if kind in _ALONE:
            return None
        resource = thread.resource
        if kind in _MEMORY and hasattr(resource, "container"):
            return self._of_memory(resource, thread.location)
        if kind == "point":
            return "points"
        if kind == "release" and not resource.origin.observed:
            return None  # nobody can tell when it happens
        return _maker(resource)

    def _of_memory(self, access: Access, location: Location | None) -> int:
        group: int = self.now(self._of_access.setdefault(access, len(self._of_access)))
        if location is not None:
            other = self.now(self._of_location.setdefault(location, group))
            if other != group:
                self._melted[max(group, other)] = group = min(group, other)
        return group

    def now(self, group: Any) -> Any:
        """The group that ``group`` has melted into, itself if it has not."""
        while group in self._melted:
            group = self._melted[group]
        return group

    def is_current(self, group: Hashable) -> bool:
        """Whether it has not melted into another one."""
        return group not in self._melted

    def note(self, group: Hashable, thread: ControlledThread) -> None:
        """``thread`` carries out what it was about to do, an operation of ``group``."""
        if thread.kind != "read":
            self._changed.add(group)
        self._users.setdefault(group, set()).add(thread.path)
        location = thread.location
        if thread.kind not in _MEMORY or location not in self._of_location:
            self._unprotected.add(group)
        elif group not in self._unprotected:
            locks = self._locks.setdefault(location, set(thread.held))
            locks &= thread.held.keys()
            users = self._users.setdefault(location, set())
            users.add(thread.path)
            if not locks and len(users) > 1:
                self._unprotected.add(group)

    def matters(self, group: Hashable) -> bool:
        """Whether two threads had to do with it, and not only to look at it.

        What is done under the same lock each time is settled by who takes the lock first, which is another group.
        """
        return group in self._changed and group in self._unprotected and len(self._users[group]) > 1


def _maker(resource: Any) -> Hashable:
    origin = getattr(resource, "origin", None)
    outside = getattr(origin, "outside", None)
    if outside is None:
        return type(resource).__name__  # the clock, the file system
    # What was there before the run outlives it, so it can stand for itself.
    return resource if origin is outside else origin
