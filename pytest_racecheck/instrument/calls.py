"""Calls that touch memory in one step of C code: methods of containers, ``len``, ``next``, ``setattr``, ..."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Final

from pytest_racecheck.engine.operation import UNKNOWN, Access
from pytest_racecheck.instrument import handlers, unseen, whole_handlers, windows
from pytest_racecheck.instrument.attributes import find, is_a, mro_of, names_of_class, own, value_of
from pytest_racecheck.instrument.containers import KEYED, container_of, containers_of, is_iterator, items_of, plain_key
from pytest_racecheck.instrument.effects import EFFECTS, TELLING_METHODS, effect_of
from pytest_racecheck.instrument.handlers import Handler, Listener

if TYPE_CHECKING:
    from pytest_racecheck.instrument.effects import AccessKind, Effect
    from pytest_racecheck.instrument.paths import Getter, Locals

#: Like a Handler, given the function that is called and its first argument (the receiver of a method).
CallHandler = Callable[[FrameType, object, object, Listener], None]

#: Finds what a call is about to call, and its first argument.
Look = Callable[[FrameType], tuple[object, object]]

#: Makes the access of a kind and a name, on a container or not; the same object each time.
MakeAccess = Callable[["AccessKind", str, bool], Access]

#: Functions that read or write an attribute whose name is their argument.
_ATTRIBUTES: Final[dict[object, AccessKind]] = {
    getattr: "read",
    hasattr: "read",
    setattr: "write",
    delattr: "write",
    object.__dict__["__setattr__"]: "write",
    object.__dict__["__delattr__"]: "write",
    object.__dict__["__getattribute__"]: "read",
    type.__dict__["__setattr__"]: "write",
    type.__dict__["__delattr__"]: "write",
}
ATTRIBUTE_NAMES: Final = frozenset({"getattr", "hasattr", "setattr", "delattr"})
ATTRIBUTE_METHODS: Final = frozenset({"__setattr__", "__delattr__", "__getattribute__"})

_BOUND_IN_C: Final = (types.BuiltinFunctionType, types.MethodWrapperType)
_DESCRIPTORS: Final = (types.MethodDescriptorType, types.WrapperDescriptorType)


class CallSite:
    """What is known of one call before it runs."""

    __slots__ = ("access", "arguments", "behind", "function", "known", "unbound")

    def __init__(
        self,
        access: MakeAccess,
        arguments: tuple[Getter | None, ...] = (),
        unbound: bool = False,
        function: Getter | None = None,
        behind: tuple[Getter, ...] = (),
    ) -> None:
        self.access = access
        #: The access for each effect that this call has had.
        self.known: dict[Effect, Access] = {}
        self.arguments = arguments
        #: A method called as a function (``dict.get(d, k)``): the arguments begin with the receiver.
        self.unbound = unbound
        #: Its argument ``key=``, which is called before the call has ended.
        self.function = function
        #: Containers that its first argument looks into, beside the one that the getter of that argument finds.
        self.behind = behind

    def access_for(self, effect: Effect) -> Access:
        """The access that this call is when it has ``effect``."""
        access = self.known.get(effect)
        if access is None:
            access = self.known[effect] = self.access(effect.kind, effect.name, True)
        return access

    def argument(self, number: int, frame: FrameType, variables: Locals) -> object:
        """The value of one positional argument, UNKNOWN if it can't be told."""
        if number >= len(self.arguments):
            return UNKNOWN
        getter = self.arguments[number]
        return UNKNOWN if getter is None else getter(frame, variables)


def call(site: CallSite) -> CallHandler:
    """A handler for one call, which learns from the interpreter what is called."""
    known = site.known

    def handler(frame: FrameType, function: object, first: object, listener: Listener) -> None:
        method = False
        if type(function) is types.MethodDescriptorType:
            effect = EFFECTS.get(function)
            if effect is not None and effect.is_plain and site.function is None:
                # The most common call by far: a method of a container that works on the whole of it.
                listener(known.get(effect) or site.access_for(effect), first, None, None)
                return
        else:
            method = type(function) is types.MethodType
            function, first = _unbound(function, first)
        effect = effect_of(function)
        if effect is not None:
            if effect.only is not None and not issubclass(type(first), effect.only):
                return
            _tell(site, effect, frame, first, listener, method=method)
        elif type(function) in _DESCRIPTORS or type(function) is types.BuiltinFunctionType:
            kind = _ATTRIBUTES.get(function)
            if kind is not None:
                _attribute(site, kind, type(function) is types.BuiltinFunctionType, frame, first, listener)

    return handler


def _unbound(function: object, first: object) -> tuple[object, object]:
    """The function below a method or a partial call, and its first argument; what else a partial call has is lost."""
    if type(function) is functools.partial:
        function = function.func
    if type(function) in _BOUND_IN_C:
        receiver = function.__self__  # type: ignore[attr-defined]
        if receiver is not None and type(receiver) is not types.ModuleType:
            return _descriptor(type(receiver), function.__name__), receiver  # type: ignore[attr-defined]
    elif type(function) is types.MethodType:
        first = function.__self__
    return function, first


def _descriptor(cls: type, name: str) -> object:
    """The method in C that a bound method of this name calls: a class in Python on top of it may hide it."""
    for base in mro_of(cls):
        found = names_of_class(base).get(name)
        if type(found) in _DESCRIPTORS:
            return found
    return None


def _tell(site: CallSite, effect: Effect, frame: FrameType, first: object, listener: Listener, *, method: bool) -> None:
    """``method``: of an object that is not what it is about, like the generator behind ``random.choice``."""
    if effect.name == "iter" and effect.argument is not None:
        arguments = range(max(effect.argument, 1), len(site.arguments))
        more = (site.argument(number, frame, frame.f_locals) for number in arguments)
        whole_handlers.iterate(site.access_for(effect), more if effect.argument else (first, *more), listener)
        return
    if effect.argument is not None:
        if effect.argument or method:
            first = site.argument(effect.argument, frame, frame.f_locals)
        if effect.name == "next":
            if is_iterator(first):
                windows.announce_next(first, site.access_for(effect))
                listener(site.access_for(effect), first, None, None)
                _read_too(site, effect, first, first, listener)
            return
        owner = container_of(first)
        if owner is not None:
            for other in (
                containers_of(first) if first is not owner else (get(frame, frame.f_locals) for get in site.behind)
            ):
                _read_too(site, effect, other, owner, listener)
            _run(site, effect, frame, owner, None, listener)
        return
    key = None
    if effect.key is not None:
        items = items_of(first, "__contains__")
        key = plain_key(first, site.argument(effect.key + site.unbound, frame, frame.f_locals), items or KEYED)
    _run(site, effect, frame, first, key, listener)


def _run(site: CallSite, effect: Effect, frame: FrameType, owner: object, key: object, listener: Listener) -> None:
    access = site.access_for(effect)
    if site.function is not None:
        function = site.function(frame, frame.f_locals)
        windows.announce(function, access, owner, key)
        if type(function) in _BOUND_IN_C:  # ``sorted(names, key=numbers.get)``
            _read_too(site, effect, function.__self__, owner, listener)  # type: ignore[attr-defined]
    if effect.consumes:
        for number in range(site.unbound, len(site.arguments)):
            _read_too(site, effect, site.argument(number, frame, frame.f_locals), owner, listener)
    windows.announce_next(owner, access)  # send() and its like
    listener(access, owner, key, None)


def _read_too(site: CallSite, effect: Effect, value: object, owner: object, listener: Listener) -> None:
    """Another container than ``owner``, of which the call looks at something."""
    other = container_of(value)
    if other is not None and other is not owner:
        listener(site.access("read", effect.name, True), other, None, None)


def _attribute(
    site: CallSite, kind: AccessKind, function: bool, frame: FrameType, owner: object, listener: Listener
) -> None:
    name = site.argument(1 if function or site.unbound else 0, frame, frame.f_locals)
    if type(name) is not str:
        unseen.note(site.access(kind, "an attribute", False), "uses an attribute whose name can't be told beforehand")
        return
    access = site.access(kind, name, False)
    if kind == "write":
        handlers.write(access, owner, name, listener)
    else:
        handlers.read(access, site.access("update", name, False), owner, name, listener)


def traced_call(site: CallSite, handler: CallHandler, look: Look, name: str) -> Handler:
    """The same where the interpreter doesn't say what is called: ``look`` finds it, a method by ``name`` perhaps."""

    def traced(frame: FrameType, listener: Listener) -> None:
        called, first = look(frame)
        if called is not UNKNOWN:
            handler(frame, called, first, listener)
            return
        effect = TELLING_METHODS.get(name)
        if effect is not None:
            listener(site.access(effect.kind, effect.name, True), UNKNOWN, None, None)

    return traced


def silent_call(look: Look) -> Handler:
    """Tells the audit of a call for which there is no event, if it calls code in Python."""

    def handler(frame: FrameType, listener: Listener) -> None:
        auditor = unseen.auditor
        if auditor is not None:
            function, first = look(frame)
            if function is UNKNOWN or type(function) in (types.FunctionType, types.MethodType):
                auditor.silent(frame.f_code, frame.f_lineno, function, first)

    return handler


def look_up(
    frame: FrameType, site: CallSite, function: Getter | None, name: str, receiver: Getter
) -> tuple[object, object]:
    """What a call with these expressions calls, UNKNOWN if that can't be told, and its first argument.

    Either ``function`` finds the function, or ``receiver`` the object whose method ``name`` it is.
    """
    variables = frame.f_locals
    if function is not None:
        return function(frame, variables), site.argument(0, frame, variables)
    owner = receiver(frame, variables) if name else UNKNOWN
    if owner is UNKNOWN:
        return UNKNOWN, UNKNOWN
    if type(owner) is _Super:
        return owner.find(name), owner.receiver
    if is_a(owner, type):
        return find(owner, name)[0], site.argument(0, frame, variables)
    if type(owner) is types.ModuleType:
        return value_of(owner, name), site.argument(0, frame, variables)
    names = own(owner) if type(owner) not in EFFECTS else None
    if names is not None and name in names:
        return names[name], site.argument(0, frame, variables)
    return find(type(owner), name)[0], owner


class _Super:
    """What ``super()`` without arguments stands for."""

    __slots__ = ("_after", "receiver")

    def __init__(self, receiver: object, after: object) -> None:
        self.receiver = receiver
        self._after = after

    def find(self, name: str) -> object:
        mro = mro_of(self.receiver if is_a(self.receiver, type) else type(self.receiver))
        for index, base in enumerate(mro):
            if base is self._after and index + 1 < len(mro):
                for later in mro[index + 1 :]:
                    if name in names_of_class(later):
                        return names_of_class(later)[name]
        return None


def super_receiver(first: str) -> Getter:
    """Finds what ``super()`` stands for in a method whose first parameter is ``first``."""

    def getter(frame: FrameType, variables: Locals) -> object:
        try:
            return _Super(variables[first], variables["__class__"])
        except KeyError:
            return UNKNOWN

    return getter
