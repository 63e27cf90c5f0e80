"""Plans accesses to attributes, variables, and items of containers."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from pytest_racecheck.instrument import effects, handlers, opcodes
from pytest_racecheck.instrument.bytecode import Instruction
from pytest_racecheck.instrument.context import Context
from pytest_racecheck.instrument.handlers import Handler
from pytest_racecheck.instrument.source import SourceFile, is_fresh, is_super

if TYPE_CHECKING:
    from pytest_racecheck.instrument.context import Place
    from pytest_racecheck.instrument.paths import Getter

Maker = Callable[[Context, Instruction, SourceFile | None], Handler | None]


def _attribute(context: Context, instruction: Instruction, source: SourceFile | None) -> Handler | None:
    name = instruction.name
    if name.startswith("__") and name.endswith("__"):
        return _special(context, instruction, source)
    place: Place = instruction
    receiver: ast.expr | None = None
    called = instruction.opname == "LOAD_METHOD" or (opcodes.CALL_EVENTS and bool(instruction.arg & 1))
    if source is not None:
        found = source.attribute(instruction.position, name)
        if found is None or is_super(found.value):
            return None  # not written by the user: rewritten assertions, or a method looked up by super()
        place, receiver = found, found.value
        called = found in source.called
        if called and name in effects.METHOD_NAMES:
            return None  # what matters happens at the call
    elif context.before is not None and context.before.opname == "LOAD_FAST":
        receiver = ast.Name(context.before.name, ast.Load())
    getter = context.paths.getter(receiver)
    get = context.accesses.get
    if instruction.opname in opcodes.ATTRIBUTE_WRITES:
        return handlers.write_attribute(get(place, "write", name), getter, name)
    access, update = get(place, "read", name), get(place, "update", name)
    variable = context.paths.local(receiver)
    if variable is not None:
        return handlers.read_local_attribute(access, update, variable, name, called)
    return handlers.read_attribute(access, update, getter, name, called)


def _special(context: Context, instruction: Instruction, source: SourceFile | None) -> Handler | None:
    """Such names belong to the interpreter, which looks at them when it likes; ``__dict__`` shows all others."""
    name = instruction.name
    place: Place | None = instruction if source is None else source.attribute(instruction.position, name)
    if place is None:
        return None
    if instruction.opname in opcodes.ATTRIBUTE_WRITES:
        return handlers.replaces(context.accesses.get(place, "write", name), name)
    return handlers.looks_past(context.accesses.get(place, "read", name)) if name == "__dict__" else None


def _global(context: Context, instruction: Instruction, source: SourceFile | None) -> Handler | None:
    name = instruction.name
    kind = _kind(instruction)
    if source is None:
        return handlers.unknown_global(context.accesses.get(instruction, kind, name), name)
    node = source.node(instruction.position, ast.Name)
    if node is None or node.id != name or not source.variables.global_matters(name):
        return None
    access = context.accesses.get(node, kind, name)
    if instruction.opname.endswith("_GLOBAL"):
        return handlers.global_variable(access, name)
    return handlers.module_level_name(access, name)


def _import(context: Context, instruction: Instruction, source: SourceFile | None) -> Handler | None:
    node = source.node(instruction.position, ast.ImportFrom) if source is not None else None
    if node is None or context.code.co_name == "<module>":
        return None
    access = context.accesses.get(node, "read", instruction.name)
    return handlers.imported_name(access, node.module or "", node.level, instruction.name)


def _cell(context: Context, instruction: Instruction, source: SourceFile | None) -> Handler | None:
    node = source.node(instruction.position, ast.Name) if source is not None else None
    if node is None or source is None:
        return None
    owner = source.variables.closure(node)
    if owner is None:
        return None
    return handlers.closure_variable(context.accesses.get(node, _kind(instruction), node.id), owner, node.id)


def _item(context: Context, instruction: Instruction, source: SourceFile | None) -> Handler | None:
    kind, method = opcodes.ITEMS[instruction.opname]
    place: Place = instruction
    container: Getter | None = None
    key: Getter | None = None
    if source is not None:
        found = source.node(instruction.position, ast.Subscript)
        if found is None or is_fresh(found.value):
            return None
        place = found
        container = context.paths.getter(found.value)
        if isinstance(found.slice, ast.Tuple):
            key = context.paths.tuple_getter(found.slice)
        elif not isinstance(found.slice, ast.Slice):
            key = context.paths.getter(found.slice)
    get = context.accesses.get
    update = get(place, "update", "[]", True) if key is not None and kind == "read" else None
    return handlers.item(get(place, kind, "[]", True), update, container, key, method)


def _kind(instruction: Instruction) -> effects.AccessKind:
    return "read" if instruction.opname in opcodes.READS else "write"


MAKERS: Final[dict[str, Maker]] = {
    **dict.fromkeys(opcodes.ATTRIBUTES, _attribute),
    **dict.fromkeys(opcodes.GLOBALS, _global),
    **dict.fromkeys(opcodes.CELLS, _cell),
    **dict.fromkeys(opcodes.ITEMS, _item),
    "IMPORT_FROM": _import,
}
