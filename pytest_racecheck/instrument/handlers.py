"""What happens at an access: find its owner and key in the running frame, then tell the listener.

Each function here makes one handler, for one instruction. Handlers run at every access of instrumented code, inside
the frame of the user: they are kept flat, never raise, and run no code of the user. Only what the listener raises
(to unwind a thread) leaves them.
"""

from __future__ import annotations

import builtins
import sys
from collections import ChainMap
from collections.abc import Callable
from types import FrameType, FunctionType
from typing import TYPE_CHECKING, Final, Protocol

from pytest_racecheck.engine.operation import UNKNOWN, Access
from pytest_racecheck.instrument import attributes, unseen, windows
from pytest_racecheck.instrument.attributes import (
    CACHED,
    CLASS,
    CODE,
    INSTANCE,
    LIBRARY,
    METHOD,
    MODULE,
    NOTHING,
    OPAQUE,
    SLOT,
    TYPE,
)
from pytest_racecheck.instrument.containers import (
    DEFAULTING,
    KEYED,
    NO_ITEMS,
    STAND_FOR_OTHERS,
    container_of,
    default_factory,
    has_item,
    items_of,
    plain_key,
)

if TYPE_CHECKING:
    from pytest_racecheck.instrument.paths import Getter


class Listener(Protocol):
    """Told of each access right before it happens; may park the thread, and may raise to unwind it."""

    def __call__(self, access: Access, owner: object, key: object, also: object | None) -> None:
        """An access is about to happen.

        ``owner`` holds the location: an instance, a class, a dict of globals, a :class:`Closure`, a built-in
        container or UNKNOWN. ``key`` names it there: the attribute or variable, or the item of the container (None:
        the whole). ``also``, if not None, is a class that is read too: the attribute was found there.
        """


#: Returns True when the instruction runs Python code by itself: a place where a build with a GIL could switch.
Handler = Callable[[FrameType, Listener], bool | None]

_kinds: Final = attributes.kinds

_IN_DICT: Final = (INSTANCE, SLOT, OPAQUE)


def read_local_attribute(access: Access, update: Access, variable: str, name: str, called: bool) -> Handler:
    """``variable.name`` is read, by far the most common access: one Python call, one look at the locals."""

    def handler(frame: FrameType, listener: Listener) -> bool | None:
        try:
            owner = frame.f_locals[variable]
        except KeyError:
            return None
        try:
            kind = _kinds[id(type(owner))][name]
        except KeyError:
            kind = attributes.kind_of(type(owner), name)
        if kind in (INSTANCE, SLOT):
            listener(access, owner, name, None)
            return None
        if kind == NOTHING or (called and kind == METHOD):
            return None
        return _read(access, update, owner, name, kind, listener)

    return handler


def read_attribute(access: Access, update: Access, receiver: Getter | None, name: str, called: bool) -> Handler | None:
    """``<receiver>.name`` is read."""
    if receiver is None:
        # What can't be told is taken for a method, which it is nearly always, when it is called right away.
        return None if called else lambda frame, listener: listener(access, UNKNOWN, name, None)

    def handler(frame: FrameType, listener: Listener) -> bool | None:
        owner = receiver(frame, frame.f_locals)
        if owner is UNKNOWN:
            if not called:
                listener(access, UNKNOWN, name, None)
            return None
        return _read(access, update, owner, name, attributes.kind_of(type(owner), name), listener)

    return handler


def _read(access: Access, update: Access, owner: object, name: str, kind: int, listener: Listener) -> bool | None:
    if kind in _IN_DICT:
        listener(access, owner, name, None)
        return kind == OPAQUE
    if kind in (CLASS, LIBRARY):
        _read_object_or_class(access, owner, name, kind, listener)
    elif kind == MODULE:
        _read_module(access, attributes.own(owner), name, listener)
    elif kind == TYPE:
        base = attributes.class_data(owner, name)
        if base is not None:
            listener(access, owner, name, None if base is owner else base)
    elif kind in (CACHED, METHOD):
        dictionary = attributes.own(owner)
        if dictionary is not None and name in dictionary:
            listener(access, owner, name, None)
        elif kind == CACHED:
            descriptor = attributes.own(attributes.find(type(owner), name)[0]) or {}
            windows.announce(descriptor.get("func"), update, owner, name)
            listener(update, owner, name, None)
            return True
    return kind == CODE


def _read_module(access: Access, names: dict[str, object] | None, name: str, listener: Listener) -> None:
    if names is None:
        return
    if not attributes.is_constant(names.get(name)):
        listener(access, names, name, None)
    elif unseen.written and (id(names), name) in unseen.written:
        unseen.replaced(access, name)


def _read_object_or_class(access: Access, owner: object, name: str, kind: int, listener: Listener) -> None:
    if kind == LIBRARY:
        unseen.note(access, f"uses {name} of an object that code which racecheck does not watch changes as well")
    dictionary = attributes.own(owner)
    hidden = dictionary is not None and name in dictionary
    listener(access, owner, name, None if hidden else attributes.holder(type(owner), name))


def write_attribute(access: Access, receiver: Getter | None, name: str) -> Handler:
    """``<receiver>.name`` is assigned or deleted."""

    def handler(frame: FrameType, listener: Listener) -> bool | None:
        owner = receiver(frame, frame.f_locals) if receiver is not None else UNKNOWN
        if owner is UNKNOWN:
            listener(access, UNKNOWN, name, None)
            return None
        return write(access, owner, name, listener)

    return handler


def replaces(access: Access, name: str) -> Handler:
    """Special name ``name`` of an object is assigned or deleted, and nobody tells who looks at it."""
    return lambda frame, listener: unseen.replaced(access, name)


def looks_past(access: Access) -> Handler:
    """The dictionary of an object is looked at, and it is not known for what."""
    return lambda frame, listener: unseen.note(access, "looks at a __dict__, where racecheck does not follow")


def write(access: Access, owner: object, name: str, listener: Listener) -> bool | None:
    """Tells of a write to ``owner.name``, if there is memory behind it."""
    kind = attributes.kind_of(type(owner), name)
    if kind == CODE:
        return True
    if attributes.is_replaced(kind, owner) or (kind not in _IN_DICT and attributes.is_read_unseen(kind, owner, name)):
        unseen.replaced(access, name)
    if kind == NOTHING:
        return None
    if kind == LIBRARY:
        unseen.note(access, f"changes {name} of an object that code which racecheck does not watch uses as well")
    if kind == MODULE:
        if owner is builtins:
            unseen.replaced(access, name)
        owner = attributes.own(owner)
        unseen.written.add((id(owner), name))
    elif kind == TYPE and attributes.is_new(owner, name):
        attributes.forget()  # what was known of the class's instances is wrong now
    listener(access, owner, name, None)
    return None


def read(access: Access, update: Access, owner: object, name: str, listener: Listener) -> bool | None:
    """Tells of a read of ``owner.name``, if there is memory behind it."""
    return _read(access, update, owner, name, attributes.kind_of(type(owner), name), listener)


def global_variable(access: Access, name: str) -> Handler:
    """Global variable ``name`` is read, assigned or deleted."""
    return lambda frame, listener: listener(access, frame.f_globals, name, None)


def unknown_global(access: Access, name: str) -> Handler:
    """The same where there is no source to tell whether the name is ever assigned again."""

    def handler(frame: FrameType, listener: Listener) -> None:
        names = frame.f_globals
        if access.writes or (name in names and not attributes.is_constant(names[name])):
            listener(access, names, name, None)

    return handler


def imported_name(access: Access, module: str, level: int, name: str) -> Handler:
    """``from <module> import <name>``, which is a look at a global of the module, unless it is a submodule."""

    def handler(frame: FrameType, listener: Listener) -> None:
        package = frame.f_globals.get("__package__")
        found = module
        if level:
            parts = str(package).split(".")
            found = ".".join([*parts[: len(parts) - level + 1], *([module] if module else [])])
        names = attributes.own(sys.modules.get(found))
        if names is not None and name in names and not attributes.is_constant(names[name]):
            listener(access, names, name, None)

    return handler


def module_level_name(access: Access, name: str) -> Handler:
    """A name in code of a module or class: a global, unless the body of a class has a namespace of its own."""

    def handler(frame: FrameType, listener: Listener) -> None:
        names = frame.f_globals
        if frame.f_locals is names or (access.kind == "read" and name not in frame.f_locals):
            listener(access, names, name, None)

    return handler


def closure_variable(access: Access, owner: object, name: str) -> Handler:
    """A variable that functions share with a function inside them is read, assigned or deleted."""
    return lambda frame, listener: listener(access, owner, name, None)


def item(access: Access, update: Access | None, container: Getter | None, key: Getter | None, method: str) -> Handler:
    """``<container>[<key>]``; ``method`` is the special method behind it, ``update`` the access to a missing item."""
    remembered = f"[{method}]"

    def handler(frame: FrameType, listener: Listener) -> bool | None:
        variables = frame.f_locals
        owner = container(frame, variables) if container is not None else UNKNOWN
        if owner is UNKNOWN:
            listener(access, UNKNOWN, None, None)
            return None
        try:
            items = _kinds[id(type(owner))][remembered]
        except KeyError:
            items = items_of(owner, method)
            if issubclass(type(owner), ChainMap):
                unseen.note(access, "uses several mappings as one, which others may change each by itself")
        if items == NO_ITEMS:
            if attributes.one_of(type(owner), STAND_FOR_OTHERS):
                _through(access, owner, key and key(frame, variables), listener)
                return None
            _tell_of_method(access, owner, method, frame)
            return not attributes.is_a(owner, type)
        which = plain_key(owner, key(frame, variables), items) if key is not None else None
        if items == DEFAULTING and which is not None and update is not None and not has_item(owner, which):
            windows.announce(default_factory(owner), update, owner, which)
            listener(update, owner, which, None)
            return True
        listener(access, owner, which, None)
        return update is not None and items == KEYED and type(owner) is not dict  # there may be a __missing__

    return handler


def _tell_of_method(access: Access, owner: object, method: str, frame: FrameType) -> None:
    """Its special method is called, of which there is no event: the audit may know nothing of what that does."""
    function = attributes.find(type(owner), method)[0]
    if unseen.auditor is not None and type(function) is FunctionType:
        unseen.auditor.entered(frame.f_code, access.site.line, function.__code__)


def _through(access: Access, view: object, key: object, listener: Listener) -> None:
    """An item of what ``view`` shows."""
    owner = container_of(view)
    if owner is not None:
        listener(access, owner, plain_key(owner, key, KEYED) if attributes.is_a(owner, dict) else None, None)
    else:
        unseen.note(access, "uses an item of an object that stands for another, which racecheck can't see")
