"""Looks at values without disturbing anything: no property, no ``__getattr__``, no ``__repr__`` of the user's runs."""

from __future__ import annotations

import enum
import inspect
import reprlib
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.detect.peek import is_a, type_name

if TYPE_CHECKING:
    from pytest_racecheck.engine.operation import Access

MISSING: Final = object()

_PLAIN: Final = (int, float, complex, bool, str, bytes, type(None))
_MAPPINGS: Final = (dict, OrderedDict, defaultdict, Counter)
_CONTAINERS: Final = (list, tuple, set, frozenset, deque, *_MAPPINGS)

#: By module, which need not be there.
_PRINTABLE: Final = [
    ("decimal", "Decimal"),
    ("fractions", "Fraction"),
    ("uuid", "UUID"),
    *(("datetime", name) for name in ("date", "datetime", "time", "timedelta")),
]

#: Longer ones are not shown: beyond 4,300 digits, Python refuses to.
_LONGEST_NUMBER: Final = 200

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60
_short.maxdeque = _short.maxlist = _short.maxtuple = _short.maxset = _short.maxfrozenset = _short.maxdict = 6


def peek(owner: object, access: Access, key: object) -> Any:
    """The value that ``access`` is about, MISSING where it has none or can't be looked at."""
    try:
        if access.container:
            return owner
        if type(owner) is dict:
            return owner.get(access.name, MISSING)
        found = inspect.getattr_static(owner, access.name, MISSING)
        if inspect.ismemberdescriptor(found):
            return found.__get__(owner)
        return MISSING if inspect.isdatadescriptor(found) else found
    except Exception:  # noqa: BLE001 - whatever a strange object does: its value is not shown
        return MISSING


def show_item(owner: object, key: object) -> str | None:
    """A short text for an item of a built-in container, None where it can't be looked at."""
    try:
        if isinstance(owner, dict):
            value = dict.get(owner, key, MISSING)
            return "missing" if value is MISSING else show(value)
        if isinstance(owner, (list, tuple, deque)) and type(key) is int:
            return show(owner[key]) if -len(owner) <= key < len(owner) else "missing"
        if isinstance(owner, (set, frozenset)):
            return "there" if key in owner else "missing"
    except Exception:  # noqa: BLE001 - a key with a strange __eq__ has the same hash
        return None
    return None


def show(value: object) -> str:
    """A short text for a value.

    Built-in types and plain ones of the standard library are shown as they print, members of enumerations as they are
    written, all others by their type's name alone.
    """
    kind = type(value)
    if kind is int and value.bit_length() > _LONGEST_NUMBER:  # type: ignore[attr-defined]
        return f"<int of {value.bit_length()} bits>"  # type: ignore[attr-defined]
    if kind is bytes and len(value) > _short.maxother:  # type: ignore[arg-type]
        return f"<bytes, {len(value):,} of them>"  # type: ignore[arg-type]
    if _is_printable(kind):
        return str(value)
    if is_a(kind, enum.EnumType):
        name = inspect.getattr_static(value, "_name_", None)
        return f"{type_name(kind)}.{name}" if type(name) is str else f"<{type_name(kind)}>"
    if kind in _PLAIN or (kind in _CONTAINERS and _is_plain(value, 2)):
        return _short.repr(dict(value) if kind in _MAPPINGS else value)  # type: ignore[call-overload]
    if is_a(value, type):
        return f"class {type_name(value)}"  # type: ignore[arg-type]
    if kind is ModuleType:
        return f"module {value.__name__}"  # type: ignore[attr-defined]
    if kind in _CONTAINERS:
        return f"<{kind.__name__} of {len(value)}>"  # type: ignore[arg-type]
    return f"<{type_name(kind)}>"


def _is_printable(kind: type) -> bool:
    """Whether it is a type of the standard library whose values are plain ones that print well."""
    return any(kind is getattr(sys.modules.get(module), name, None) for module, name in _PRINTABLE)


def _is_plain(value: Any, depth: int) -> bool:
    kind = type(value)
    if kind in (int, bytes):
        return value.bit_length() <= _LONGEST_NUMBER if kind is int else len(value) <= _short.maxother
    if kind in _PLAIN or _is_printable(kind):
        return True
    if kind not in _CONTAINERS or not depth or len(value) > 50:
        return False
    items = [*value.keys(), *value.values()] if kind in _MAPPINGS else list(value)
    return all(_is_plain(item, depth - 1) for item in items)
