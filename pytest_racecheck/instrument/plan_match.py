"""Plans the patterns of ``match``: which items and attributes of its subject they look at."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from pytest_racecheck.engine.operation import UNKNOWN
from pytest_racecheck.instrument import attributes, handlers
from pytest_racecheck.instrument.bytecode import Instruction
from pytest_racecheck.instrument.containers import KEYED, container_of, plain_key
from pytest_racecheck.instrument.context import Context
from pytest_racecheck.instrument.handlers import Handler, Listener
from pytest_racecheck.instrument.source import SourceFile

if TYPE_CHECKING:
    from types import FrameType

    from pytest_racecheck.engine.operation import Access
    from pytest_racecheck.instrument.paths import Getter

Maker = Callable[[Context, Instruction, SourceFile], Handler | None]


def _keys(context: Context, instruction: Instruction, source: SourceFile) -> Handler | None:
    """All keys of a mapping pattern are looked up in one step."""
    pattern, subject = source.pattern(instruction.position, ast.MatchMapping)
    if pattern is None:
        return None
    getters = [context.paths.getter(key) for key in pattern.keys]
    return _items(context.accesses.get(pattern, "read", "match", True), _getter(context, subject), getters)


def _whole(context: Context, instruction: Instruction, source: SourceFile) -> Handler | None:
    """The length of a sequence is asked, or all of its items are taken."""
    pattern, subject = source.pattern(instruction.position, ast.MatchSequence)
    if pattern is None:
        return None
    return _items(context.accesses.get(pattern, "read", "match", True), _getter(context, subject), [None])


def _items(access: Access, container: Getter, keys: Iterable[Getter | None]) -> Handler:
    def handler(frame: FrameType, listener: Listener) -> bool | None:
        variables = frame.f_locals
        found = container(frame, variables)
        owner = container_of(found)
        if found is UNKNOWN:
            listener(access, UNKNOWN, None, None)
        elif owner is not None:
            for key in keys:
                which = None if key is None else plain_key(owner, key(frame, variables), KEYED)
                listener(access, owner, which, None)
        return owner is None

    return handler


def _class(context: Context, instruction: Instruction, source: SourceFile) -> Handler | None:
    """The attributes of a class pattern, those by position too, are read one after the other."""
    pattern, subject = source.pattern(instruction.position, ast.MatchClass)
    if pattern is None:
        return None
    get = context.accesses.get
    owner_of, class_of = _getter(context, subject), _getter(context, pattern.cls)
    number, named = len(pattern.patterns), tuple(pattern.kwd_attrs)

    def handler(frame: FrameType, listener: Listener) -> bool | None:
        variables = frame.f_locals
        owner = owner_of(frame, variables)
        for name in (*_positional(class_of(frame, variables))[:number], *named):
            read, update = get(pattern, "read", name), get(pattern, "update", name)
            if owner is UNKNOWN:
                listener(read, UNKNOWN, name, None)
            else:
                handlers.read(read, update, owner, name, listener)
        return True  # it may ask the class, which may be in Python

    return handler


def _positional(cls: object) -> tuple[str, ...]:
    names = attributes.find(cls, "__match_args__")[0] if isinstance(cls, type) else ()
    return tuple(each for each in names if type(each) is str) if type(names) is tuple else ()


def _getter(context: Context, node: ast.expr | None) -> Getter:
    getter = None if node is None else context.paths.getter(node)
    return getter if getter is not None else lambda _frame, _variables: UNKNOWN


MAKERS: Final[dict[str, Maker]] = {
    "MATCH_KEYS": _keys,
    "MATCH_CLASS": _class,
    "GET_LEN": _whole,
}

#: Is planned here if it belongs to a pattern.
UNPACKING: Final = frozenset({"UNPACK_SEQUENCE", "UNPACK_EX"})


def plan_match(context: Context, instruction: Instruction, source: SourceFile) -> Handler | None:
    """The handler for an instruction that belongs to a pattern, None if it does not, or touches nothing."""
    make = _whole if instruction.opname in UNPACKING else MAKERS.get(instruction.opname)
    return None if make is None else make(context, instruction, source)
