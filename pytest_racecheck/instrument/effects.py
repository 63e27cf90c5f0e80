"""What calls do to built-in containers: which are one atomic read, write or update, and of which item."""

from __future__ import annotations

import array
import bisect
import copy
import heapq
import io
import itertools
import random
import types
from collections import Counter, OrderedDict, defaultdict, deque
from typing import TYPE_CHECKING, Any, Final, Literal

from pytest_racecheck.instrument.attributes import one_of
from pytest_racecheck.instrument.containers import IN_LIBRARY

if TYPE_CHECKING:
    from collections.abc import Callable

AccessKind = Literal["read", "write", "update"]


#: Methods of a generator that let its code go on.
_RESUMING: Final = frozenset({"__next__", "send", "throw", "close"})

#: Methods that take what is in their arguments, which are containers themselves.
CONSUMING: Final = frozenset(
    {
        *("extend", "extendleft", "update", "difference_update", "intersection_update", "symmetric_difference_update"),
        *("union", "intersection", "difference", "symmetric_difference", "isdisjoint", "issubset", "issuperset"),
        *("__iadd__", "__ior__", "__iand__", "__isub__", "__ixor__", "__add__", "__or__", "__and__", "__sub__"),
        *("__xor__", "__eq__", "subtract"),
    }
)


class Effect:
    """What a call does to a container: to the item that its ``key``-th argument names, to the whole if None.

    ``argument`` tells which argument the container is, when it isn't the object whose method is called.
    """

    __slots__ = ("argument", "consumes", "is_plain", "key", "kind", "name", "only")

    def __init__(self, kind: AccessKind, name: str, key: int | None = None, argument: int | None = None) -> None:
        #: The types with whose objects it has this effect; with others, what it does is told by their code.
        self.only: tuple[type, ...] | None = None
        self.kind: Final = kind
        self.name: Final = name
        self.key: Final = key
        self.argument: Final = argument
        #: It reads the containers among its arguments, too.
        self.consumes: Final = argument is None and name in CONSUMING
        #: One step on the whole of the object whose method it is and no other, with no code in Python inside.
        self.is_plain: Final = key is None and argument is None and name not in _RESUMING and not self.consumes


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
_ITERATOR: Final = {"update": " ".join(sorted(_RESUMING))}

#: Of containers in Python that count as one: see `containers.IN_LIBRARY`.
_IN_PYTHON: Final[dict[AccessKind, str]] = {
    "update": "pop popitem update setdefault clear append extend insert remove reverse sort",
    "read": "get copy count index",
}

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


#: Functions that make an iterator of their arguments, from the one with this number on.
_MAKERS: Final[dict[Callable[..., Any], int]] = {iter: 0, enumerate: 0, zip: 0, map: 1, filter: 1}


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
    for function, argument in _MAKERS.items():
        table[function] = Effect("read", "iter", None, argument)
    for name in ("update", "subtract"):
        table[vars(Counter)[name]] = Effect("update", name)
    for name in ("most_common", "elements", "total", "copy"):
        table[vars(Counter)[name]] = Effect("read", name)
    return table | _of_the_library()


def _of_the_library() -> dict[object, Effect]:
    """Methods of containers in Python, some of which are those of every mapping that is written in Python."""
    table: dict[object, Effect] = {}
    for kind, names in _IN_PYTHON.items():
        for cls in IN_LIBRARY:
            for name in names.split():
                function = getattr(cls, name, None)
                if type(function) is types.FunctionType:
                    table[function] = Effect(kind, name)
                    table[function].only = IN_LIBRARY
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
FUNCTION_NAMES: Final = frozenset(function.__name__ for function in (*_READERS, *_UPDATERS, *_MAKERS))

#: Methods that nothing but containers has, with what they do: for a call whose receiver can't be found out.
TELLING_METHODS: Final = {
    name: Effect("update", name)
    for name in ("append", "appendleft", "extend", "extendleft", "popleft", "popitem", "setdefault")
}

#: Calls that make a new object, which no other thread can see yet.
FRESH_FUNCTIONS: Final = frozenset(
    {
        *("list", "tuple", "set", "frozenset", "dict", "sorted", "str", "repr", "bytes", "range"),
        *("zip", "enumerate", "map", "filter", "divmod", "open", "input"),
    }
)
FRESH_METHODS: Final = frozenset(
    {
        *("copy", "split", "rsplit", "splitlines", "partition", "rpartition", "groups", "groupdict", "strip", "lower"),
        *("upper", "format", "encode", "decode", "join", "replace", "most_common", "tolist"),
    }
)
VIEWS: Final = frozenset({"keys", "values", "items"})
WRAPPERS: Final = frozenset({"enumerate", "reversed", "zip", "map", "filter", "iter"})

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
