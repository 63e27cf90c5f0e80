"""Looks into foreign objects without running a line of their code.

No property, no ``__getattr__``, ``__class__``, ``__repr__``, ``__eq__`` or ``__hash__``: only what the interpreter
itself keeps. What can't be read that way is not there, for us.
"""

from __future__ import annotations

from types import GetSetDescriptorType, MemberDescriptorType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

# Through the descriptors of `type` itself, which no metaclass can override.
_MRO: Final = type.__dict__["__mro__"].__get__
_NAMESPACE: Final = type.__dict__["__dict__"].__get__
_NAME: Final = type.__dict__["__name__"].__get__
_PLAIN: Final = (GetSetDescriptorType, MemberDescriptorType, type(None))


def type_name(cls: type) -> str:
    """``cls.__name__``."""
    return str(_NAME(cls))


def module_name(cls: type) -> str | None:
    """``cls.__module__``, None for built-in types."""
    name = _NAMESPACE(cls).get("__module__")
    return name if type(name) is str else None


def is_a(value: object, cls: type) -> bool:
    """``isinstance`` that trusts the type alone: ``value.__class__`` may be user code."""
    return any(each is cls for each in _MRO(type(value)))


def definer(cls: type, name: str) -> type | None:
    """The class, of ``cls`` and those that it inherits from, that defines ``name`` for its instances."""
    return next((each for each in _MRO(cls) if name in _NAMESPACE(each)), None)


def namespace(cls: type) -> list[tuple[str, object]]:
    """Names and values of what the class itself defines."""
    return [(name, value) for name, value in list(_NAMESPACE(cls).items()) if type(name) is str]


def attribute(value: object, name: str) -> Any:
    """The value of an attribute that the instance itself holds, else None."""
    return next((found for found_name, found in attributes(value) if found_name == name), None)


def attributes(value: object) -> Iterator[tuple[str, object]]:
    """The attributes that the instance itself holds, in ``__dict__`` or in slots."""
    classes = _MRO(type(value))
    if any(type(_NAMESPACE(cls).get("__dict__")) not in _PLAIN for cls in classes):
        return  # a proxy that answers for another object (or a property): reading it would run its code
    try:
        held = object.__getattribute__(value, "__dict__")
    except AttributeError:
        held = {}
    if type(held) is dict:
        yield from ((name, found) for name, found in list(held.items()) if type(name) is str)
    for cls in classes:
        for name, member in namespace(cls):
            if type(member) is MemberDescriptorType and not name.startswith("__"):
                try:
                    yield name, member.__get__(value)
                except AttributeError:
                    continue  # a slot that was never filled
