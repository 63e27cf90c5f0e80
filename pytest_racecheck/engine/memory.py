"""Shared memory: which accesses matter, and the scheduling point before each of those that do.

Only a location that two threads touch, at least one of them writing, while both are alive, can make the order of two
accesses matter. What the runs of an item show about that is kept by access, that is by place in the code, and only
grows: an access that met a shared location once is a scheduling point from then on, whatever it touches.
"""

from __future__ import annotations

import weakref
from array import array
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.engine import current
from pytest_racecheck.engine.operation import POLL, UNKNOWN
from pytest_racecheck.engine.survivors import Survivors

if TYPE_CHECKING:
    from pytest_racecheck.engine.observer import Observer
    from pytest_racecheck.engine.operation import Access
    from pytest_racecheck.engine.survivors import Survivor
    from pytest_racecheck.engine.thread import ControlledThread


#: The state of an item that no access was told of.
_UNTOUCHED: Final = (0, 0)

#: Stands for the name of any container: which one an unknown receiver is, its method does not tell.
_CONTAINERS: Final = "[]"


class Location:
    """One attribute, global, variable or container of one run."""

    __slots__ = (
        "accesses",
        "items",
        "items_hash",
        "keeper",
        "many",
        "readers_hash",
        "shared",
        "thread",
        "writer_hash",
        "written",
    )

    def __init__(self, thread: ControlledThread) -> None:
        self.thread = thread
        self.many = False
        self.written = False
        self.shared = False
        self.accesses: set[Access] = set()
        #: Keeps the id in the location's key from being used again: the owner, or a weak reference that drops it.
        self.keeper: Any = None
        #: State in terms of the operations that led to it, for counting traces.
        self.writer_hash = 0
        self.readers_hash = 0
        #: The same for each item of a container: what wrote it last, what has read it since.
        self.items: dict[object, tuple[int, int]] = {}
        #: All of the items' states in one, in no order.
        self.items_hash = 0

    def write(self, me: ControlledThread) -> None:
        """``me`` writes the item that it names, or all."""
        item = me.item
        if item is None:
            past = (me.state_hash, self.writer_hash, self.readers_hash, self.items_hash)
            me.state_hash = self.writer_hash = hash(past)
            self.readers_hash = self.items_hash = 0
            self.items.clear()
            return
        state = self.items.get(item, _UNTOUCHED)
        me.state_hash = hash((me.state_hash, self.writer_hash, self.readers_hash, state))
        self.items[item] = new = (me.state_hash, 0)
        self.items_hash ^= hash(state) ^ hash(new)

    def read(self, me: ControlledThread) -> None:
        """``me`` reads the item that it names, or all."""
        item = me.item
        if item is None:
            me.state_hash = hash((me.state_hash, self.writer_hash, self._written_items()))
            self.readers_hash ^= me.state_hash
            return
        state = self.items.get(item, _UNTOUCHED)
        me.state_hash = hash((me.state_hash, self.writer_hash, state[0]))
        self.items[item] = new = (state[0], state[1] ^ me.state_hash)
        self.items_hash ^= hash(state) ^ hash(new)

    def _written_items(self) -> int:
        result = 0
        for writer, _ in self.items.values():
            result ^= writer
        return result


#: Where there is nothing to be taken, and what tries to take it all the same.
_EMPTIED: Final = frozenset((list, deque, dict, set, bytearray))
_TAKES: Final = frozenset(("pop", "popleft", "popitem"))


def _is_in_vain(access: Access, owner: object) -> bool:
    """Whether ``access`` is about to take something from a container that has nothing."""
    return access.name in _TAKES and type(owner) in _EMPTIED and not owner


def _item_written(owner: object, key: object) -> object:
    """What a write to ``owner[key]`` changes; None, all of it, for a new item: it has a place among the others."""
    if isinstance(owner, dict):
        return key if dict.__contains__(owner, key) else None
    return key if isinstance(owner, list | deque | bytearray | array) else None


class Memory:
    """The locations of one item: `begin_run` forgets those of the last run, but not which accesses matter."""

    def __init__(self, gil: bool) -> None:
        #: The `gil` model.
        self.gil = gil
        self._locations: dict[object, Location] = {}
        self._flagged: list[Access] = []
        #: Names with accesses whose receiver is unknown: every access to them may be to the same location.
        self._unknown_names: set[str] = set()
        self.observer: Observer | None = None
        #: Every access is a scheduling point, whether it is known to matter or not: for following a token.
        self.every_access = False
        self._begun = False
        self._survivors = Survivors()

    @property
    def shared_accesses(self) -> int:
        """How many accesses have turned out to matter so far."""
        return len(self._flagged)

    def begin_run(self) -> None:
        """A new run: other objects, other locations."""
        if self._begun and self._survivors.looks:
            self._survivors.over(self._locations)
        self._begun = True
        self._locations = {}

    def survivors(self) -> list[Survivor]:
        """What the first run wrote, and none of those since, up to the one that has just ended."""
        if self._begun and self._survivors.looks:
            self._survivors.over(self._locations)
        self._begun = False  # it counts once
        return self._survivors.found()

    def close(self) -> None:
        """Forgets everything that the item's runs showed."""
        for access in self._flagged:
            access.shared = False
        self._flagged.clear()
        self._locations = {}
        self._survivors = Survivors()
        self._unknown_names.clear()

    def switch_opportunity(self) -> None:
        """Under the `gil` model: the interpreter may switch here, so the next access can be preceded by others."""
        thread = current.thread
        if thread is not None:
            thread.switchable = True

    def access(self, access: Access, owner: object, key: object, also: object | None) -> None:
        """The running thread is about to carry out ``access``; a scheduling point if that can matter.

        Raises Unwind when the run is over for this thread.
        """
        me = current.thread
        assert me is not None
        me.also = None
        me.item = None
        if owner is UNKNOWN:
            name = _CONTAINERS if access.container else access.name
            self._unknown_names.add(name)
            location = self._locate(me, access, name, None)
        elif access.container:
            location = self._locate(me, access, id(owner), owner)
            me.item = key if key is None or not access.writes else _item_written(owner, key)
            if _CONTAINERS in self._unknown_names:
                me.also = self._locate(me, access, _CONTAINERS, None)
        else:
            location = self._locate(me, access, (id(owner), access.name), owner)
            if also is not None:
                me.also = self._locate(me, access, (id(also), access.name), also)
            if access.name in self._unknown_names:
                me.also = self._locate(me, access, access.name, None)
        me.location = location
        scheduler = me.scheduler
        if access.shared or self.every_access or me.idle > scheduler.patience:
            scheduler.point(me, access.kind, access)
        else:
            scheduler.passing(me, access.kind, access)
        if self.observer is not None:
            self.observer.access(me, access, owner, key)
        self._note(me, access, location, owner)

    def _note(self, me: ControlledThread, access: Access, location: Location, owner: object) -> None:
        """What the access, which happens now, means for those who come later."""
        if access.writes:
            in_vain = access.container and _is_in_vain(access, owner)
            if not in_vain:
                me.idle = me.naps = me.vain = 0
            if access.shared:
                location.write(me)
            if in_vain:
                me.scheduler.looked(me, POLL)
        else:
            if access.shared:
                location.read(me)
            me.scheduler.looked(me, 1)
        if self.gil and (access.shared or self.every_access):
            me.switchable = False

    def _locate(self, me: ControlledThread, access: Access, key: object, owner: object | None) -> Location:
        location = self._locations.get(key)
        if location is None:
            location = self._locations[key] = Location(me)
            location.keeper = self._keep(key, owner)
        elif location.shared:
            if not access.shared:
                self._flag(access)
            return location
        location.accesses.add(access)
        if access.writes:
            location.written = True
        if location.thread is not me:
            location.many = True
        if location.many and location.written:
            location.shared = True
            for other in location.accesses:
                self._flag(other)
        return location

    def _flag(self, access: Access) -> None:
        if not access.shared:
            access.shared = True
            self._flagged.append(access)

    def _keep(self, key: object, owner: object | None) -> object:
        if owner is None:
            return None
        locations = self._locations
        try:
            return weakref.ref(owner, lambda _: locations.pop(key, None))
        except TypeError:
            return owner
