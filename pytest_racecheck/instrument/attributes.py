"""How an attribute of an object resolves, found out without running any code of the object's class.

Everything here works on ``type(obj)``, its ``__mro__`` and the ``__dict__`` of the classes in it: no property,
``__getattr__``, ``__hash__`` or ``__eq__`` of a user is ever called.
"""

from __future__ import annotations

import _thread
import functools
import threading
import types
import weakref
from collections.abc import Iterator
from typing import Any, Final, TypeGuard, TypeVar

from pytest_racecheck.engine.operation import UNKNOWN
from pytest_racecheck.instrument.scope import in_library

# How an attribute resolves. Plain integers: they are compared at every access.
NOTHING: Final = 0  #: no memory that threads share
INSTANCE: Final = 1  #: the object's own dict (or its __getattr__)
SLOT: Final = 2  #: storage behind a descriptor written in C: __slots__, ctypes fields
CLASS: Final = 3  #: data of a class, which the object's own dict may hide
MODULE: Final = 4  #: a global of a module
TYPE: Final = 5  #: the object is a class itself
CACHED: Final = 6  #: cached_property and its like: computed once, then in the object's own dict
OPAQUE: Final = 7  #: __getattribute__ in Python: the location is known, its value is not
METHOD: Final = 8  #: a function of the class; nothing to read, but writing it hides the function
CODE: Final = 9  #: a property or another descriptor that runs Python code
LIBRARY: Final = 10  #: what code of the standard library, which nobody watches, keeps in its objects, or a proxy

Kind = TypeVar("Kind")

MISSING: Final = object()

mro_of: Final = type.__dict__["__mro__"].__get__
names_of_class: Final = type.__dict__["__dict__"].__get__
_plain_getattribute = object.__getattribute__
_ask_type: Final = type.__getattribute__
_HEAP_TYPE: Final = 1 << 9
_flags = type.__dict__["__flags__"].__get__
#: Methods that comparing, adding, testing, searching and unpacking call.
_OPERATORS: Final = frozenset(
    f"__{name}__"
    for name in (
        *("eq", "ne", "lt", "le", "gt", "ge", "bool", "len", "contains", "getitem", "iter"),
        *("neg", "pos", "abs", "invert", "index", "int", "float"),
        *(
            f"{side}{operator}"
            for operator in (
                *("add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "divmod", "pow"),
                *("lshift", "rshift", "and", "xor", "or"),
            )
            for side in ("", "r", "i")
        ),
    )
)
_IN_C: Final = frozenset(
    {types.WrapperDescriptorType, types.MethodDescriptorType, types.BuiltinFunctionType, types.NoneType}
)
_FUNCTIONS: Final = frozenset(
    {
        types.FunctionType,
        classmethod,
        staticmethod,
        types.BuiltinFunctionType,
        types.MethodDescriptorType,
        types.ClassMethodDescriptorType,
        types.WrapperDescriptorType,
        functools.partialmethod,
        functools.singledispatchmethod,
    }
)
#: What ``__dict__`` is where it is the object's dictionary; the second in `types.SimpleNamespace`.
_DICTIONARY: Final = (types.GetSetDescriptorType, types.MemberDescriptorType)
_CONSTANTS: Final = (types.FunctionType, types.BuiltinFunctionType, types.ModuleType, type)

#: Objects whose attributes are different in each thread, or that stand for a lookup.
_PRIVATE: Final = (_thread._local, super)

_PROXIES: Final = (weakref.ProxyType, weakref.CallableProxyType)

#: What their methods do to their own attributes matters to nobody, or is told by other operations.
_MODELLED: Final = frozenset({threading.Thread, threading.Timer, threading.Event, threading.Barrier})

_kinds: dict[int, dict[str, int]] = {}
_watched: dict[int, weakref.ref[type]] = {}


def one_of(cls: type, classes: frozenset[type]) -> bool:
    """``cls in classes``, where a metaclass of the user may define how classes hash and compare."""
    return type(cls) is type and cls in classes


def is_a(value: object, classes: type[Kind] | tuple[type[Kind], ...]) -> TypeGuard[Kind]:
    """``isinstance`` that trusts the type alone: ``value.__class__`` may be code of the user."""
    return issubclass(type(value), classes)


def find(cls: type, name: str) -> tuple[object, int]:
    """The value of ``name`` in the classes of ``cls.__mro__`` and the index of the class; (MISSING, -1) if absent."""
    for index, base in enumerate(mro_of(cls)):
        names = names_of_class(base)
        if name in names:
            return names[name], index
    return MISSING, -1


def remembered(cls: type) -> dict[str, int]:
    """What is known about ``cls``, to be added to; lives as long as the class does."""
    number = id(cls)
    names = _kinds.get(number)
    if names is None:
        # 3.11 has types that are not made ready before somebody asks them for something, and crashes on what
        # abstract classes do with these (that of ``code.co_lines()``, say).
        _ask_type(cls, "__name__")
        names = _kinds[number] = {}
        _watched[number] = weakref.ref(cls, functools.partial(_forget, number, _kinds, _watched))
    return names


def kind_of(cls: type, name: str) -> int:
    """How attribute ``name`` of instances of ``cls`` resolves; remembered."""
    names = remembered(cls)
    kind = names.get(name)
    if kind is None:
        kind = names[name] = _classify(cls, name)
    return kind


#: ``kinds[id(type(obj))][name]`` for callers that can't afford the call; KeyError means: ask :func:`kind_of`.
kinds: Final = _kinds


def forget() -> None:
    """Drops what is remembered: classes may have changed."""
    _kinds.clear()
    _watched.clear()


def _forget(
    number: int, known: dict[int, dict[str, int]], watched: dict[int, weakref.ref[type]], _reference: object
) -> None:
    # Uses nothing but its arguments: classes die after the globals of this module, at the interpreter's end.
    known.pop(number, None)
    watched.pop(number, None)


def _classify(cls: type, name: str) -> int:
    if issubclass(cls, _PRIVATE) or name == "__dict__":
        return NOTHING
    if issubclass(cls, type):
        return TYPE
    if type(find(cls, "__getattribute__")[0]) is not types.WrapperDescriptorType:
        return OPAQUE
    if issubclass(cls, types.ModuleType):
        return MODULE
    dictionary = find(cls, "__dict__")[0]
    if dictionary is not MISSING and type(dictionary) not in _DICTIONARY:
        return OPAQUE
    if issubclass(cls, _PROXIES):
        return LIBRARY
    kind = _classify_value(find(cls, name)[0])
    return LIBRARY if kind in (INSTANCE, CLASS) and _is_used_by_library(cls, name) else kind


def _is_used_by_library(cls: type, name: str) -> bool:
    """Whether a class of the standard library, from which ``cls`` inherits, does something with this attribute."""
    return any(
        in_library(function.__code__.co_filename) and name in function.__code__.co_names
        for base in mro_of(cls)
        if not one_of(base, _MODELLED)
        for key, member in names_of_class(base).items()
        if key != "__init__"
        for function in _functions_in(member)
    )


def _functions_in(member: object) -> Iterator[types.FunctionType]:
    parts: tuple[object, ...] = (member,)
    if type(member) is property:
        parts = member.fget, member.fset
    elif type(member) in (classmethod, staticmethod):
        parts = (member.__func__,)  # type: ignore[attr-defined]
    return (part for part in parts if type(part) is types.FunctionType)


def _classify_value(found: object) -> int:
    if found is MISSING:
        return INSTANCE
    cls = type(found)
    if one_of(cls, _FUNCTIONS):
        return METHOD
    if cls is property:
        setter = found.fset  # type: ignore[attr-defined]
        # Those of the standard library, like ``Thread.name``, are variables for all who use them.
        return OPAQUE if type(setter) is types.FunctionType and in_library(setter.__code__.co_filename) else CODE
    if cls is types.MemberDescriptorType:
        owner = found.__objclass__  # type: ignore[attr-defined]
        return SLOT if _flags(owner) & _HEAP_TYPE else NOTHING
    if cls is types.GetSetDescriptorType:
        return NOTHING
    setter = find(cls, "__set__")[0]
    if setter is MISSING:
        setter = find(cls, "__delete__")[0]
    if setter is not MISSING:
        return SLOT if type(setter) is types.WrapperDescriptorType else CODE
    getter = find(cls, "__get__")[0]
    if getter is MISSING:
        return CLASS
    if type(getter) is types.WrapperDescriptorType:
        return METHOD
    return CACHED


def own(obj: object) -> dict[str, Any] | None:
    """The object's own dict; only for objects whose attributes aren't OPAQUE."""
    try:
        dictionary = _plain_getattribute(obj, "__dict__")
    except AttributeError:
        return None
    return dictionary if type(dictionary) is dict else None


def holder(cls: type, name: str) -> type | None:
    """The class in ``cls.__mro__`` that has ``name``, None if there is none or it is no data."""
    found, index = find(cls, name)
    if index < 0 or _classify_value(found) != CLASS:
        return None
    base: type = mro_of(cls)[index]
    return base


def class_data(cls: object, name: str) -> type | None:
    """The class whose data ``cls.name`` is, for a class ``cls``; None if it is anything else."""
    if not is_a(cls, type) or find(type(cls), name)[1] >= 0:
        return None
    return holder(cls, name)


def is_read_unseen(kind: int, owner: object, name: str) -> bool:
    """Whether ``owner.name`` is a function, a class or a module now, the use of which is not taken for an access."""
    if kind == MODULE:
        dictionary = own(owner)
        return dictionary is not None and name in dictionary and is_constant(dictionary[name])
    if kind == TYPE:
        found = find(owner, name)[0] if is_a(owner, type) else MISSING
        return found is not MISSING and class_data(owner, name) is None
    return kind == METHOD


def is_replaced(kind: int, owner: object) -> bool:
    """Whether assigning what resolves in this way changes something that no access tells of."""
    return kind == NOTHING and not issubclass(type(owner), _PRIVATE)


def is_new(cls: object, name: str) -> bool:
    """Whether class ``cls`` doesn't have ``name`` itself yet."""
    return is_a(cls, type) and name not in names_of_class(cls)


def is_in_c(value: object) -> bool:
    """Whether comparing, adding or testing ``value`` runs no code in Python, as far as the value itself goes."""
    if value is UNKNOWN:
        return False
    cls = type(value)
    return not _flags(cls) & _HEAP_TYPE or not any(map(_has_operators, mro_of(cls)))


def _has_operators(cls: type) -> bool:
    """Whether a class has an operator of its own that is not written in C."""
    members = names_of_class(cls)
    return any(type(members[name]) not in _IN_C for name in members.keys() & _OPERATORS)


def is_constant(value: object) -> bool:
    """Functions, classes and modules as the value of a module's attribute: names that nobody assigns again."""
    return issubclass(type(value), _CONSTANTS)


def value_of(obj: object, name: str) -> object:
    """The value of ``obj.name``, UNKNOWN where finding it could run code of the user."""
    cls = type(obj)
    kind = kind_of(cls, name)
    if kind in (INSTANCE, CLASS, CACHED, METHOD, LIBRARY):
        if kind == LIBRARY and issubclass(cls, _PROXIES):
            return UNKNOWN
        dictionary = own(obj)
        if dictionary is not None and name in dictionary:
            return dictionary[name]
        if kind == CLASS:
            return find(cls, name)[0]
        return UNKNOWN
    if kind == SLOT:
        try:
            return _plain_getattribute(obj, name)
        except AttributeError:
            return UNKNOWN
    if kind == MODULE:
        dictionary = own(obj)
        return UNKNOWN if dictionary is None else dictionary.get(name, UNKNOWN)
    if kind == TYPE:
        return _value_of_class(obj, name)
    if name == "__class__" and kind != OPAQUE and find(cls, name)[0] is object.__dict__["__class__"]:
        return cls
    return UNKNOWN


def _value_of_class(cls: Any, name: str) -> object:
    if find(type(cls), name)[0] is not MISSING:
        return UNKNOWN
    found, index = find(cls, name)
    return found if index >= 0 and _classify_value(found) == CLASS else UNKNOWN


def is_python_class(value: object) -> bool:
    """Whether ``value`` is a class that was written in Python."""
    return is_a(value, type) and bool(_flags(value) & _HEAP_TYPE)
