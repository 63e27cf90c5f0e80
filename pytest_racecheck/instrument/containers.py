"""What built-in containers are, seen from outside: their items, and what views and iterators look into."""

from __future__ import annotations

import array
import gc
import itertools
import os
import types
import weakref
from collections import ChainMap, OrderedDict, UserDict, UserList, defaultdict, deque
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from pytest_racecheck.engine.operation import UNKNOWN
from pytest_racecheck.instrument.attributes import find, kinds, mro_of, one_of, remembered

_MUTABLE: Final = (list, dict, set, deque, bytearray, array.array)
_WATCHED: Final = (dict, set, deque)
_IN_C: Final = (types.WrapperDescriptorType, types.MethodDescriptorType)
_PLAIN_CONTAINERS: Final[frozenset[type]] = frozenset({list, set, frozenset, deque})
_LISTLIKE: Final = (list, deque, bytearray, array.array)
_IMMUTABLE: Final = (str, bytes, tuple, range, frozenset, int, float, type)
_VIEWS: Final = (types.MappingProxyType, memoryview)
#: Their items are those of another object.
STAND_FOR_OTHERS: Final[frozenset[type]] = frozenset({*_VIEWS, weakref.ProxyType, weakref.CallableProxyType})
#: Containers in Python, in code that is not instrumented: what one of their methods does counts as one step.
IN_LIBRARY: Final[tuple[type, ...]] = (UserDict, UserList, ChainMap, type(os.environ))


#: They take one item at a time of what they are given. `batched` is new in 3.12.
_FROM_ITERTOOLS: Final = frozenset(
    vars(itertools)[name]
    for name in (
        *("accumulate", "batched", "chain", "compress", "cycle", "dropwhile", "filterfalse", "groupby", "islice"),
        *("pairwise", "starmap", "takewhile", "zip_longest"),
    )
    if name in vars(itertools)
)


def _looked_through() -> frozenset[type]:
    dictionaries: tuple[dict[int, int], ...] = ({}, OrderedDict())
    views: list[Any] = [view for made in dictionaries for view in (made.keys(), made.values(), made.items())]
    sequences: list[Any] = [[], (), deque(), bytearray(), array.array("b")]
    found = {type(view) for view in views}
    found |= {type(iter(made)) for made in (*views, *dictionaries, *sequences, set())}
    found |= {type(reversed(made)) for made in (*views, *dictionaries, *sequences)}
    found |= {enumerate, zip, map, filter, *_VIEWS}
    return frozenset(found | _FROM_ITERTOOLS)


#: Iterators and views of containers, and what passes on the items of others.
_LOOKS_INTO: Final = _looked_through()
_ITERATORS: Final[frozenset[type]] = frozenset(
    {cls for cls in _LOOKS_INTO if hasattr(cls, "__next__")}
    | {types.GeneratorType, itertools.count, type(iter(range(0)))}
)

# What the type of an object means here, remembered by type next to how its attributes resolve.

NOT_SEEN_INTO: Final = 0
CONTAINER: Final = 1
LOOKS_INTO: Final = 2

_factory_of = defaultdict.__dict__["default_factory"].__get__

NO_ITEMS: Final = 0
KEYED: Final = 1  #: a dict, or something that is like one
INDEXED: Final = 2  #: a list, or something that is like one
DEFAULTING: Final = 3  #: reading a missing item stores it
WHOLE: Final = 4  #: items can't be told apart


def _category(cls: type) -> int:
    if one_of(cls, _LOOKS_INTO):
        return LOOKS_INTO
    return CONTAINER if issubclass(cls, (*_MUTABLE, *IN_LIBRARY)) else NOT_SEEN_INTO


def _items(cls: type, method: str) -> int:
    function, index = find(cls, method)
    if index >= 0 and mro_of(cls)[index] in IN_LIBRARY:
        return KEYED if issubclass(cls, Mapping) else WHOLE
    if issubclass(cls, (*_IMMUTABLE, *STAND_FOR_OTHERS)) or type(function) not in _IN_C:
        return NO_ITEMS
    if issubclass(cls, defaultdict) and method == "__getitem__":
        return DEFAULTING
    if issubclass(cls, dict):
        return KEYED
    # Deleting an item moves all that follow it.
    return INDEXED if issubclass(cls, _LISTLIKE) and method != "__delitem__" else WHOLE


def container_of(obj: object, depth: int = 3) -> object | None:
    """The mutable container that ``obj`` is, looks into or iterates over; None if there is none."""
    cls = type(obj)
    try:
        category = kinds[id(cls)]["[container]"]
    except KeyError:
        known = remembered(cls)
        category = known["[container]"] = _category(cls)
    if category == CONTAINER:
        return obj
    return next(_inside(obj, depth), None) if category == LOOKS_INTO else None


def containers_of(obj: object) -> Iterator[object]:
    """All containers behind an iterator such as those that ``zip`` makes; ``obj`` itself if it is a container."""
    return _inside(obj, 3) if one_of(type(obj), _LOOKS_INTO) else iter(() if container_of(obj) is None else (obj,))


def _inside(obj: object, depth: int) -> Iterator[object]:
    cls = type(obj)
    for part in _parts(obj) if depth else ():
        for inner in part if type(part) is tuple else (part,):
            if one_of(type(inner), _LOOKS_INTO):
                yield from _inside(inner, depth - 1)
            elif inner is not cls and container_of(inner) is not None:
                yield inner


def _parts(obj: Any) -> list[object]:
    if type(obj) is not memoryview:
        return gc.get_referents(obj)
    try:
        return [obj.obj]
    except ValueError:  # it was released
        return []


def holds_containers(value: object, most: int | None = None, depth: int = 3) -> bool:
    """Whether there is a container in ``value``, or in the tuples in it, among the first ``most`` of its items."""
    cls = type(value)
    if cls is types.SimpleNamespace:
        return True
    items: Any = value
    if cls is dict:
        items = dict.values(items)
    elif issubclass(cls, tuple):
        items = tuple.__iter__(items)
    elif not one_of(cls, _PLAIN_CONTAINERS):
        return False
    try:
        return any(
            issubclass(type(item), _MUTABLE)
            or (depth and issubclass(type(item), tuple) and holds_containers(item, most, depth - 1))
            for item in itertools.islice(items, most)
        )
    except RuntimeError:  # a thread that is not controlled changes it
        return True


def notices_changes(owner: object) -> bool:
    """Whether an iterator of ``owner``, once it is made, fails when the size of ``owner`` has changed."""
    return issubclass(type(owner), _WATCHED)


def may_hide_containers(obj: object) -> bool:
    """Whether what iterating over ``obj``, which is no container, looks into can't be told from ``obj``."""
    cls = type(obj)
    try:
        return bool(kinds[id(cls)]["[hides]"])
    except KeyError:
        known = remembered(cls)
        known["[hides]"] = hides = not issubclass(cls, _IMMUTABLE) and not is_iterator(obj)
        return hides


def is_iterator(obj: object) -> bool:
    """Whether taking the next item from ``obj`` is one step that changes it (a shared iterator, a generator)."""
    return one_of(type(obj), _ITERATORS)


def items_of(obj: object, method: str) -> int:
    """What ``obj[...]`` does by its special method ``method``: KEYED, INDEXED, ...

    NO_ITEMS when it isn't one step of C code, or touches nothing that ever changes.
    """
    cls = type(obj)
    try:
        return kinds[id(cls)][f"[{method}]"]
    except KeyError:
        known = remembered(cls)
        known[f"[{method}]"] = result = _items(cls, method)
        return result


def has_item(obj: object, key: object) -> bool:
    """Whether the dict ``obj`` has the item ``key``, which is plain."""
    return dict.__contains__(cast("dict[object, object]", obj), key)


def default_factory(obj: object) -> object:
    """The factory of a defaultdict."""
    return _factory_of(obj)


def plain_key(obj: object, key: object, items: int) -> object:
    """``key`` as it names an item of container ``obj``; None (the whole of it) if it can't be told safely."""
    if items == INDEXED:
        if type(key) is not int:
            return None
        return key + _length(obj) if key < 0 else key
    return key if items != WHOLE and is_plain(key) else None


def _length(obj: object) -> int:
    for base in _LISTLIKE:
        if issubclass(type(obj), base):
            return base.__len__(obj)  # type: ignore[arg-type]
    return 0


_LONGEST_KEY: Final = 8
_PLAIN: Final[frozenset[type]] = frozenset({int, str, bytes, float, bool})


def is_plain(key: object, depth: int = 3) -> bool:
    """Whether hashing and comparing ``key`` runs no code of the user."""
    cls = type(key)
    if cls is str or cls is int or one_of(cls, _PLAIN):
        return True
    if cls is tuple:
        parts = cast("tuple[object, ...]", key)
        return depth > 0 and len(parts) <= _LONGEST_KEY and all(is_plain(part, depth - 1) for part in parts)
    if key is None or key is UNKNOWN:
        return False
    return find(cls, "__hash__")[0] is object.__hash__ and find(cls, "__eq__")[0] is object.__eq__
