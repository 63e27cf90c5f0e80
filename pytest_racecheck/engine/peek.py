"""Looks at values without disturbing anything: no property, no ``__getattr__``, no ``__repr__`` of the user's runs."""

from __future__ import annotations

import inspect
import reprlib
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pytest_racecheck.engine.operation import Access

MISSING: Final = object()

_PLAIN: Final = (int, float, complex, bool, str, bytes, type(None))
_CONTAINERS: Final = (list, tuple, dict, set, frozenset)

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60
_short.maxlist = _short.maxtuple = _short.maxset = _short.maxfrozenset = _short.maxdict = 6


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


def show(value: object) -> str:
    """A short text for a value; built-in types as they print, all others by their type's name alone."""
    if type(value) in _PLAIN:
        return _short.repr(value)
    if type(value) in _CONTAINERS and _is_plain(value, 2):
        return _short.repr(value)
    if isinstance(value, type):
        return f"class {value.__name__}"
    if type(value) is ModuleType:
        return f"module {value.__name__}"
    return f"<{type(value).__name__}>"


def _is_plain(value: Any, depth: int) -> bool:
    kind = type(value)
    if kind in _PLAIN:
        return True
    if kind not in _CONTAINERS or not depth or len(value) > 50:
        return False
    items = [*value.keys(), *value.values()] if kind is dict else list(value)
    return all(_is_plain(item, depth - 1) for item in items)
