"""State that survives: what the first run of an item writes and no later one does, for they all find it done.

A singleton, a cache, a registry that is made when it is first needed: only the first interleaving could fail over it.
Places are the same in two runs if what holds them is the same object: a module, a class, or whatever else is still
there when the first run is over.
"""

from __future__ import annotations

import sys
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.detect import peek
from pytest_racecheck.engine.names import container_name
from pytest_racecheck.instrument.variables import Closure

if TYPE_CHECKING:
    from pytest_racecheck.engine.memory import Location
    from pytest_racecheck.engine.operation import Access

#: References to an object that only its `Location` keeps, counted where `Survivors` does.
_OWN_REFERENCES: Final = 4


class Survivor:
    """A place that the first run wrote."""

    __slots__ = ("access", "is_read", "keeper", "many", "owner_name", "stays")

    def __init__(self, access: Access, owner: object, many: bool) -> None:
        self.access: Final = access
        self.keeper: Any = None
        #: Two threads or more touch it.
        self.many = many
        #: A later run has looked at it.
        self.is_read = False
        self.owner_name = _name(owner)
        #: Every run finds it by name, so that one that does not touch it could have done so.
        self.stays: Final = _is_namespace(owner)

    def __str__(self) -> str:
        access = self.access
        name = container_name(access) if access.container else f"{self.owner_name}{access.name}"
        return f"{name} ({access.site.place})"


class Survivors:
    """Of one item. `over` is to be called when a run is over, while ``looks``."""

    def __init__(self) -> None:
        #: Whether there is anything to look for.
        self.looks = True
        self._runs = 0
        self._found: dict[object, Survivor] = {}

    def over(self, locations: dict[object, Location]) -> None:
        """A run has touched these."""
        if self._runs == 0:
            self._first(locations)
        else:
            self._later(locations)
        self._runs += 1
        self.looks = bool(self._found)

    def found(self) -> list[Survivor]:
        """What was written in the first run alone."""
        return list(self._found.values()) if self._runs > 1 else []

    def _first(self, locations: dict[object, Location]) -> None:
        for key, location in locations.items():
            if not location.written:
                continue
            keeper = location.keeper
            owner = keeper() if type(keeper) is weakref.ref else keeper
            if owner is None or (owner is keeper and sys.getrefcount(owner) <= _OWN_REFERENCES):
                continue
            access = next(each for each in location.accesses if each.writes)
            self._found[key] = found = Survivor(access, owner, location.many)
            found.keeper = owner if owner is keeper else weakref.ref(owner, partial(_drop, self._found, key))

    def _later(self, locations: dict[object, Location]) -> None:
        for key, found in list(self._found.items()):
            location = locations.get(key)
            if location is None:
                # Something of the first run that is not gone yet, most likely.
                gone = self._runs == 1 and not found.stays
            else:
                gone = location.written
                found.is_read = True
                found.many = found.many or location.many
            if gone:
                del self._found[key]


def _drop(found: dict[object, Survivor], key: object, _reference: object) -> None:
    found.pop(key, None)


def _is_namespace(owner: Any) -> bool:
    """Whether ``owner`` is what a module, or a class on the top level of one, keeps its names in."""
    if type(owner) is dict:
        return _module(owner.get("__name__")) is owner
    return peek.is_a(owner, type) and _module(peek.module_name(owner)).get(peek.type_name(owner)) is owner


def _module(name: object) -> dict[str, Any]:
    module = sys.modules.get(name) if type(name) is str else None
    return getattr(module, "__dict__", {})


def _name(owner: Any) -> str:
    """What goes before the name of an attribute or a variable."""
    if type(owner) is dict:
        return f"{name}." if type(name := owner.get("__name__")) is str else ""
    if type(owner) is Closure:
        return ""
    return f"{peek.type_name(owner if peek.is_a(owner, type) else type(owner))}."
