"""Names for locks, queues and other objects: by where they live, as the reader would write it.

``module.lock_a``, ``account._lock``, ``forks[2]``, ``Bank._lock`` for ``self._lock``; where nothing leads to an object,
its type and the order in which it was asked for: ``Lock #2``. Two objects never get the same name: a local variable
that means different objects in different frames names none of them.
"""

from __future__ import annotations

import heapq
import sys
from collections import deque
from itertools import count, islice
from types import BuiltinFunctionType, FrameType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.detect import peek
from pytest_racecheck.detect.stacks import library_name, local_variables, user_frames

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MAX_WAYS: Final = 5_000  # together some ten milliseconds
_MAX_ITEMS: Final = 100  # of one container or object
_MAX_COST: Final = 7
_MAX_LENGTH: Final = 60

# What a name costs; the cheapest one wins. An attribute of an object of the reader's ("account._lock") says more than
# a variable that holds the lock itself, and that says more than the insides of a library object ("condition._lock").
_GLOBAL: Final = 1
_LOCAL: Final = 2
_SELF: Final = 5  # of which there is one for now; others of its kind may come
_NUMBERED_SELF: Final = 4
_LIBRARY_VALUE: Final = 1  # on top, when a local variable holds a lock, a list ... and no object of the reader's
_ITEM: Final = 1
_FIRST_ATTRIBUTE: Final = 0
_FURTHER_ATTRIBUTE: Final = 2
_LIBRARY_ATTRIBUTE: Final = 3

_LEAVES: Final = frozenset(
    {int, float, complex, bool, str, bytes, type(None), range, FunctionType, MethodType, BuiltinFunctionType}
)
_PLAIN_KEYS: Final = frozenset({int, str, bool, bytes, float})
_CLOSED: Final = ("pytest_racecheck.", "_pytest.", "pluggy.")  # classes whose objects lead all over the session

_Variable = tuple[str, object]


class _Found:
    """How to get at an object, and what is known about the way."""

    __slots__ = ("cost", "hops", "name", "value")

    def __init__(self, value: object, name: str, cost: int, hops: int) -> None:
        self.value = value
        self.name = name
        self.cost = cost
        self.hops = hops


class Namer:
    """Names objects by what the given frames (each with its callers) can reach. Looks around once, when first asked.

    The frames must stand still while it does. Runs no user code and changes nothing.
    """

    def __init__(self, frames: Iterable[FrameType | None]) -> None:
        self._frames = [each for frame in frames for each in user_frames(frame)]
        self._names: dict[int, str] | None = None
        self._given: dict[str, object] = {}
        self._known: dict[int, tuple[object, str]] = {}  # keeps the objects alive: an id must not come to mean another

    def name(self, value: object) -> str:
        """The name of ``value``: the same one each time, and given to no other object."""
        if id(value) in self._known:
            return self._known[id(value)][1]
        if self._names is None:
            self._names = _look_around(self._frames)
        name = self._names.get(id(value))
        if name is None or name in self._given:
            kind = name or _type_label(value)
            name = next(each for n in count(1) if (each := f"{kind} #{n}") not in self._given)
        self._given[name] = value
        self._known[id(value)] = (value, name)
        return name

    @property
    def given(self) -> dict[int, str]:
        """The names that it gave, by the ids of their objects."""
        return {each: name for each, (_, name) in self._known.items()}


def name_of(value: object, frames: Iterable[FrameType | None]) -> str:
    """The name of one object. To name several, share one ``Namer``: it looks around once and keeps names apart."""
    return Namer(frames).name(value)


def _type_label(value: object) -> str:
    name = peek.type_name(type(value))
    return {"lock": "Lock", "_RLock": "RLock", "_queue.SimpleQueue": "SimpleQueue"}.get(name, name)


def _look_around(frames: list[FrameType]) -> dict[int, str]:
    """Names by identity, cheapest way first (Dijkstra over at most ``_MAX_WAYS`` ways to objects)."""
    names: dict[int, str] = {}
    alive = []  # slots and deques may hand out the only reference: an id must not be used twice while we look
    heap: list[tuple[int, int, _Found]] = []
    ways = count()

    def add(discovered: Iterable[_Found]) -> None:
        for found in discovered:
            if found.cost <= _MAX_COST and id(found.value) not in names and type(found.value) not in _LEAVES:
                # The number in the middle keeps equal costs in the order of discovery.
                heapq.heappush(heap, (found.cost, next(ways), found))

    variables = list(_variables(frames))
    # Numbers tell objects apart, but not which is which: they are for what nothing else leads to.
    for roots in (_roots(frames, variables), _numbered_selves(variables)):
        add(roots)
        while heap:
            found = heapq.heappop(heap)[2]
            if id(found.value) not in names:
                names[id(found.value)] = _short(found.name)
                alive.append(found.value)
                if len(heap) + len(names) < _MAX_WAYS:
                    add(islice(_inside(found), _MAX_ITEMS))
    return names


def _short(name: str) -> str:
    return name if len(name) <= _MAX_LENGTH else name[: _MAX_LENGTH - 1] + "…"


def _roots(frames: list[FrameType], variables: list[_Variable]) -> Iterator[_Found]:
    modules: dict[int, tuple[str, dict[str, object]]] = {}
    for frame in frames:
        name = frame.f_globals.get("__name__")
        if type(name) is str and type(frame.f_globals) is dict:
            modules[id(frame.f_globals)] = (name, frame.f_globals)
    for _, members in list(modules.values()):
        for value in list(members.values()):
            if type(value) is ModuleType and (module := _module(value)) is not None:
                modules.setdefault(id(module[1]), module)
    for name, members in modules.values():
        for member, value in list(members.items()):
            if type(member) is str and not member.startswith("__") and type(value) is not ModuleType:
                yield _Found(value, f"{name}.{member}", _GLOBAL, 0)
    yield from _local_roots(variables)


def _module(value: ModuleType) -> tuple[str, dict[str, object]] | None:
    """Name and globals of a module that the code under test imports; None for the standard library's."""
    members = dict(peek.attributes(value))
    name, file = members.get("__name__"), members.get("__file__")
    if type(name) is not str or type(file) is not str or library_name(file) is not None:
        return None
    return name, members


def _local_roots(variables: list[_Variable]) -> Iterator[_Found]:
    meanings: dict[str, dict[int, object]] = {}
    for name, value in variables:
        if name != "self":
            meanings.setdefault(name, {})[id(value)] = value
    for name, values in meanings.items():
        if len(values) == 1:
            for value in values.values():
                yield _Found(value, name, _LOCAL + _LIBRARY_VALUE * _is_library(type(value)), 0)
    for name, selves in _selves(variables).items():
        if len(selves) == 1:
            yield _Found(selves[0], name, _SELF, 0)


def _numbered_selves(variables: list[_Variable]) -> Iterator[_Found]:
    for name, selves in _selves(variables).items():
        if len(selves) > 1:
            yield from (_Found(value, f"{name} #{n}", _NUMBERED_SELF, 0) for n, value in enumerate(selves, 1))


def _selves(variables: list[_Variable]) -> dict[str, list[object]]:
    """What ``self`` means in these frames, by the name of its type."""
    found: dict[str, dict[int, object]] = {}
    for name, value in variables:
        if name == "self":
            found.setdefault(peek.type_name(type(value)), {})[id(value)] = value
    return {name: list(values.values()) for name, values in found.items()}


def _variables(frames: list[FrameType]) -> Iterator[_Variable]:
    for frame in frames:
        code = frame.f_code
        values = local_variables(frame)
        for name in dict.fromkeys(code.co_varnames + code.co_cellvars + code.co_freevars):
            value = values.get(name)
            if value is not None and name.isidentifier():
                yield name, value


def _inside(found: _Found) -> Iterator[_Found]:
    """What an object holds: attributes, a class's own members, items of built-in containers."""
    value: Any = found.value
    kind = type(value)
    if kind in (list, tuple, deque):
        yield from _items(found, list(enumerate(islice(value, _MAX_ITEMS))))
    elif kind is dict:
        yield from _items(found, list(islice(value.items(), _MAX_ITEMS)))
    elif peek.is_a(value, type):
        if not _is_library(value):
            yield from _attributes(found, peek.namespace(value))
    elif not _is_closed(kind):
        yield from _attributes(found, peek.attributes(value))
        if not _is_library(kind):
            yield _Found(kind, peek.type_name(kind), found.cost, found.hops)


def _items(found: _Found, items: Iterable[tuple[object, object]]) -> Iterator[_Found]:
    for key, item in items:
        if type(key) in _PLAIN_KEYS and type(item) not in _LEAVES:
            text = _short(repr(key[:_MAX_LENGTH] if isinstance(key, (str, bytes)) else key))
            yield _Found(item, f"{found.name}[{text}]", found.cost + _ITEM, found.hops + 1)


def _attributes(found: _Found, members: Iterable[tuple[str, object]]) -> Iterator[_Found]:
    if _is_library(type(found.value)) and not peek.is_a(found.value, type):
        step = _LIBRARY_ATTRIBUTE
    else:
        step = _FURTHER_ATTRIBUTE if found.hops else _FIRST_ATTRIBUTE
    for name, value in members:
        if not name.startswith("__") or not name.endswith("__"):
            yield _Found(value, f"{found.name}.{name}", found.cost + step, found.hops + 1)


def _is_library(kind: type) -> bool:
    """Whether a class is built in, the standard library's or a stand-in for such, as far as its module's name tells."""
    module = peek.module_name(kind)
    return module is None or module.partition(".")[0] in sys.stdlib_module_names or _is_closed(kind)


def _is_closed(kind: type) -> bool:
    module = peek.module_name(kind) or ""
    return module.startswith(_CLOSED) and not module.startswith("pytest_racecheck.tutorial.")
