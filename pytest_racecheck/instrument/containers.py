"""What operations on built-in containers do: which are one atomic read, write or update, and of which item."""

from __future__ import annotations

import array
import bisect
import copy
import gc
import heapq
import io
import itertools
import random
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any, Final, Literal, cast

from pytest_racecheck.engine.operation import UNKNOWN
from pytest_racecheck.instrument.attributes import find, kinds, one_of, remembered

AccessKind = Literal["read", "write", "update"]


class Effect:
    """What a call does to a container: to the item that its ``key``-th argument names, to the whole if None.

    ``argument`` tells which argument the container is, when it isn't the object whose method is called.
    """

    __slots__ = ("argument", "key", "kind", "name")

    def __init__(self, kind: AccessKind, name: str, key: int | None = None, argument: int | None = None) -> None:
        self.kind: Final = kind
        self.name: Final = name
        self.key: Final = key
        self.argument: Final = argument


_LIST: Final = {
    "update": "append extend insert pop remove reverse sort __iadd__ __imul__",
    "write": "clear",
    "read": "copy count index __len__ __contains__ __iter__ __reversed__ __eq__ __add__ __mul__",
    "read[]": "__getitem__",
    "write[]": "__setitem__",
    "update[]": "",
}
_DICT: Final = {
    "update": "popitem update __ior__ move_to_end",
    "write": "clear",
    "read": "copy __len__ __iter__ __reversed__ __eq__ __or__",
    "read[]": "get __getitem__ __contains__",
    "write[]": "__setitem__ __delitem__",
    "update[]": "setdefault pop",
}
_SET: Final = {
    "update": "pop update difference_update intersection_update symmetric_difference_update "
    "__ior__ __iand__ __isub__ __ixor__",
    "write": "clear",
    "read": "copy difference intersection isdisjoint issubset issuperset symmetric_difference union "
    "__len__ __iter__ __eq__ __or__ __and__ __sub__ __xor__",
    "read[]": "__contains__",
    "write[]": "",
    "update[]": "add discard remove",
}
_DEQUE: Final = {
    "update": "append appendleft extend extendleft insert pop popleft remove reverse rotate __iadd__ __imul__ "
    "__delitem__",
    "write": "clear",
    "read": "copy count index __len__ __contains__ __iter__ __reversed__ __eq__ __copy__",
    "read[]": "__getitem__",
    "write[]": "__setitem__",
    "update[]": "",
}
_BYTES: Final = {
    "update": "append extend insert pop remove reverse byteswap fromlist frombytes __iadd__ __imul__ __delitem__",
    "write": "clear",
    "read": "copy count index find rfind startswith endswith decode hex join split tolist tobytes __len__ __contains__ "
    "__iter__ __eq__ __add__",
    "read[]": "__getitem__",
    "write[]": "__setitem__",
    "update[]": "",
}
_STREAM: Final = {"update": "write read readline readlines writelines seek truncate", "read": "getvalue tell"}
_ITERATOR: Final = {"update": "__next__ send throw close"}

_TABLES: Final[list[tuple[type, dict[str, str]]]] = [
    (list, _LIST),
    (dict, _DICT),
    (OrderedDict, _DICT),
    (defaultdict, _DICT),
    (set, _SET),
    (deque, _DEQUE),
    (bytearray, _BYTES),
    (array.array, _BYTES),
    (io.StringIO, _STREAM),
    (io.BytesIO, _STREAM),
    (types.GeneratorType, _ITERATOR),
    (itertools.count, _ITERATOR),
]

#: Functions that read the whole of their first argument.
_READERS: Final[tuple[Callable[..., Any], ...]] = (
    *(len, list, tuple, set, frozenset, dict, sorted, sum, min, max, any, all, str, repr, print, bool, bytes),
    *(bytearray, deque, OrderedDict, Counter, reversed, heapq.nlargest, heapq.nsmallest, heapq.merge),
    *(bisect.bisect, bisect.bisect_left, bisect.bisect_right, random.choice, random.sample),
    *(copy.copy, copy.deepcopy),
)
_UPDATERS: Final[tuple[Callable[..., Any], ...]] = (
    *(next, heapq.heappush, heapq.heappop, heapq.heapify, heapq.heappushpop, heapq.heapreplace),
    *(bisect.insort, bisect.insort_left, bisect.insort_right, random.shuffle),
)


def _effects() -> dict[object, Effect]:
    table: dict[object, Effect] = {}
    for cls, methods in _TABLES:
        for row, names in methods.items():
            kind: Any = row.removesuffix("[]")
            for name in names.split():
                found = vars(cls).get(name)
                if found is not None:
                    table[found] = Effect(kind, _subscript_name(name), 0 if row.endswith("[]") else None)
    for function in _READERS:
        # nlargest(n, items), sample(items, k): which argument it is
        argument = 1 if function in (heapq.nlargest, heapq.nsmallest) else 0
        table[_function(function)] = Effect("read", function.__name__, None, argument)
    for function in _UPDATERS:
        table[_function(function)] = Effect("update", function.__name__, None, 0)
    for name in ("update", "subtract"):
        table[vars(Counter)[name]] = Effect("update", name)
    for name in ("most_common", "elements", "total", "copy"):
        table[vars(Counter)[name]] = Effect("read", name)
    return table


def _function(function: Callable[..., Any]) -> object:
    """``random.choice`` is a bound method of a hidden generator; what identifies it is the function inside."""
    return getattr(function, "__func__", function)


def _subscript_name(name: str) -> str:
    return "[]" if name in ("__getitem__", "__setitem__", "__delitem__") else name


#: By the function or the method descriptor, compared by identity: every key here is hashed by its address.
EFFECTS: Final = _effects()

METHOD_NAMES: Final = frozenset(
    {name for _, methods in _TABLES for names in methods.values() for name in names.split()}
    | {"subtract", "most_common", "elements", "total"}
)
FUNCTION_NAMES: Final = frozenset(function.__name__ for function in (*_READERS, *_UPDATERS))

#: Methods that nothing but containers has, with what they do: for a call whose receiver can't be found out.
TELLING_METHODS: Final = {
    name: Effect("update", name) for name in "append appendleft extend extendleft popleft popitem setdefault".split()
}

#: Calls that make a new object, which no other thread can see yet.
FRESH_FUNCTIONS: Final = frozenset(
    "list tuple set frozenset dict sorted str repr bytes range zip enumerate map filter divmod open vars input".split()
)
FRESH_METHODS: Final = frozenset(
    "copy split rsplit splitlines partition rpartition groups groupdict strip lower upper format encode decode "
    "join replace most_common tolist".split()
)
VIEWS: Final = frozenset({"keys", "values", "items"})
WRAPPERS: Final = frozenset({"enumerate", "reversed", "zip", "map", "filter", "iter"})

_MUTABLE: Final = (list, dict, set, deque, bytearray, array.array)
_EXACT: Final[frozenset[type]] = frozenset(_MUTABLE)
_IN_C: Final = (types.WrapperDescriptorType, types.MethodDescriptorType)
_LISTLIKE: Final = (list, deque, bytearray, array.array)
_IMMUTABLE: Final = (str, bytes, tuple, range, frozenset, int, float, types.MappingProxyType, memoryview, type)
_LOOKS_INTO: Final[frozenset[type]] = frozenset(
    {
        *(type(iter(made)) for made in ([], {}, set(), deque(), {}.values(), {}.items(), bytearray(), array.array("b"))),
        *(type(reversed(made)) for made in ([], {}, deque(), {}.values(), {}.items())),  # type: ignore[call-overload]
        *(type(view) for view in ({}.keys(), {}.values(), {}.items())),
        *(type(view) for made in (OrderedDict[int, int](),) for view in (made.keys(), made.values(), made.items())),
        *(type(iter(view)) for made in (OrderedDict[int, int](),) for view in (made, made.values(), made.items())),
        enumerate,
        zip,
        map,
        filter,
        itertools.chain,
        itertools.islice,
    }
)
_ITERATORS: Final[frozenset[type]] = frozenset(
    {cls for cls in _LOOKS_INTO if hasattr(cls, "__next__")}
    | {types.GeneratorType, itertools.count, itertools.cycle, itertools.chain, itertools.islice, type(iter(range(0)))}
)

_CALLABLES: Final[frozenset[type]] = frozenset(
    {
        types.MethodDescriptorType,
        types.WrapperDescriptorType,
        types.BuiltinFunctionType,
        types.FunctionType,
        type,
    }
)


def effect_of(function: object) -> Effect | None:
    """What calling ``function`` does, None when it is nothing known."""
    if type(function) is types.MethodType:
        function = function.__func__
    # Only these types hash by address; anything else could run code of the user.
    return EFFECTS.get(function) if one_of(type(function), _CALLABLES) else None


# What the type of an object means here, remembered by type next to how its attributes resolve.

NOT_SEEN_INTO: Final = 0
CONTAINER: Final = 1
LOOKS_INTO: Final = 2

NO_ITEMS: Final = 0
KEYED: Final = 1  #: a dict, or something that is like one
INDEXED: Final = 2  #: a list, or something that is like one
DEFAULTING: Final = 3  #: reading a missing item stores it
WHOLE: Final = 4  #: items can't be told apart


def _category(cls: type) -> int:
    if one_of(cls, _LOOKS_INTO):
        return LOOKS_INTO
    return CONTAINER if issubclass(cls, _MUTABLE) else NOT_SEEN_INTO


def _items(cls: type, method: str) -> int:
    if issubclass(cls, _IMMUTABLE) or type(find(cls, method)[0]) not in _IN_C:
        return NO_ITEMS
    if issubclass(cls, defaultdict) and method == "__getitem__":
        return DEFAULTING
    if issubclass(cls, dict):
        return KEYED
    return INDEXED if issubclass(cls, _LISTLIKE) else WHOLE


def container_of(obj: object, depth: int = 3) -> object | None:
    """The mutable container that ``obj`` is, looks into or iterates over; None if there is none."""
    cls = type(obj)
    try:
        category = kinds[id(cls)]["[container]"]
    except KeyError:
        category = remembered(cls)["[container]"] = _category(cls)
    if category == CONTAINER:
        return obj
    if category == LOOKS_INTO and depth:
        for part in gc.get_referents(obj):
            for inner in part if type(part) is tuple else (part,):
                found = container_of(inner, depth - 1) if inner is not cls else None
                if found is not None:
                    return found
    return None


def is_iterator(obj: object) -> bool:
    """Whether taking the next item from ``obj`` is one step that changes it (a shared iterator, a generator)."""
    return one_of(type(obj), _ITERATORS)


def items_of(obj: object, method: str) -> int:
    """What ``obj[...]`` does by its special method ``method``: KEYED, INDEXED, ..., or NO_ITEMS when that isn't one
    step of C code, or touches nothing that changes."""
    cls = type(obj)
    try:
        return kinds[id(cls)][f"[{method}]"]
    except KeyError:
        remembered(cls)[f"[{method}]"] = result = _items(cls, method)
        return result


def has_item(obj: object, key: object) -> bool:
    """Whether the dict ``obj`` has the item ``key``, which is plain."""
    return dict.__contains__(cast("dict[object, object]", obj), key)


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


_PLAIN: Final[frozenset[type]] = frozenset({int, str, bytes, float, bool})


def is_plain(key: object, depth: int = 3) -> bool:
    """Whether hashing and comparing ``key`` runs no code of the user."""
    cls = type(key)
    if cls is str or cls is int or one_of(cls, _PLAIN):
        return True
    if cls is tuple:
        return depth > 0 and len(key) <= 8 and all(is_plain(part, depth - 1) for part in key)  # type: ignore[arg-type]
    if key is None or key is UNKNOWN:
        return False
    return find(cls, "__hash__")[0] is object.__hash__ and find(cls, "__eq__")[0] is object.__eq__
