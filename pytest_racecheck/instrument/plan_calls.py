"""Plans calls: which of them may touch memory in one step of C code is partly seen from the source."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_racecheck.engine.operation import UNKNOWN
from pytest_racecheck.instrument import calls, effects, opcodes
from pytest_racecheck.instrument.operands import operands_of
from pytest_racecheck.instrument.source import is_fresh, is_super

if TYPE_CHECKING:
    from types import FrameType

    from pytest_racecheck.instrument.bytecode import Instruction
    from pytest_racecheck.instrument.calls import CallHandler, CallSite, Look
    from pytest_racecheck.instrument.context import Context, Place
    from pytest_racecheck.instrument.handlers import Handler
    from pytest_racecheck.instrument.paths import Getter
    from pytest_racecheck.instrument.source import SourceFile

#: Classes by whose name a method is called as a function: ``dict.get(d, k)``.
_UNBOUND: Final = frozenset(
    {"list", "dict", "set", "object", "type", "bytearray", "deque", "OrderedDict", "defaultdict"}
)
_METHODS: Final = effects.METHOD_NAMES | effects.FUNCTION_NAMES | calls.ATTRIBUTE_METHODS
_NO_CONTAINER: Final = (ast.Constant, ast.JoinedStr)


class PlannedCall(NamedTuple):
    """A call that may touch shared memory: its handler, and how to find what is called where no event says it."""

    site: CallSite
    handler: CallHandler
    #: The name of the method, "" if it is no method.
    name: str
    #: None if nothing tells what is called.
    look: Look | None

    def traced(self) -> Handler | None:
        """The handler for an instruction event."""
        return None if self.look is None else calls.traced_call(self.site, self.handler, self.look, self.name)


def plan_call(
    context: Context, instruction: Instruction, source: SourceFile | None, *, every: bool = False
) -> PlannedCall | None:
    """The plan for one call, None when it can't touch anything known. ``every``: any name may stand for anything."""
    if source is None:
        site = calls.CallSite(_maker(context, instruction))
        return PlannedCall(site, calls.call(site), "", None)
    node = source.node(instruction.position, ast.Call)
    if node is None or not (every or _may_be_known(context, node, source)):
        return None
    site = _site(context, instruction, node)
    function, name, _ = _called(context, node.func)
    look = None if function is None and not name else _look(context, instruction, node, site)
    return PlannedCall(site, calls.call(site), name, look)


def plan_look(context: Context, instruction: Instruction, source: SourceFile | None) -> Look | None:
    """Finds what a call calls, UNKNOWN if that can't be told, and its first argument."""
    node = source.node(instruction.position, ast.Call) if source is not None else None
    if node is None or isinstance(node.func, ast.Lambda):
        return None
    return _look(context, instruction, node, _site(context, instruction, node))


def _look(context: Context, instruction: Instruction, node: ast.Call, site: CallSite) -> Look:
    function, name, receiver = _called(context, node.func)
    there = None if opcodes.CALL_EVENTS else _there(context, instruction)

    def look(frame: FrameType) -> tuple[object, object]:
        found = calls.look_up(frame, site, function, name, receiver)
        return there(frame) if found[0] is UNKNOWN and there is not None else found

    return look


def _there(context: Context, instruction: Instruction) -> Look | None:
    """Finds on the stack what CPython 3.11 calls.

    In front of the arguments are a function and the object whose method it is, or nothing and a function.
    """
    method, callee = (context.stack.getter(instruction, place, shared_only=False) for place in (2, 1))
    argument = context.stack.argument(instruction, 0) if instruction.arg else None
    if instruction.opname == "CALL_FUNCTION_EX" or method is None or callee is None:
        return None

    def look(frame: FrameType) -> tuple[object, object]:
        function, first = method(frame, {}), callee(frame, {})
        if function is not UNKNOWN:
            return function, first
        return first, UNKNOWN if argument is None else argument(frame, {})

    return look


def _site(context: Context, instruction: Instruction, node: ast.Call) -> CallSite:
    function = node.func
    return calls.CallSite(
        _maker(context, node),
        _arguments(context, instruction, node),
        isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id in _UNBOUND,
        next((context.paths.getter(keyword.value) for keyword in node.keywords if keyword.arg == "key"), None),
        operands_of(context, node.args[0])[1:] if node.args else (),
    )


def _called(context: Context, function: ast.expr) -> tuple[Getter | None, str, Getter]:
    if isinstance(function, ast.Attribute):
        return None, function.attr, _receiver(context, function)
    return context.paths.getter(function), "", _unknown


def _maker(context: Context, place: Place) -> calls.MakeAccess:
    accesses = context.accesses  # not the context, which holds the code
    return lambda kind, name, container: accesses.get(place, kind, name, container)


def _may_be_known(context: Context, node: ast.Call, source: SourceFile) -> bool:
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr in _METHODS
    if not isinstance(function, ast.Name):
        return False
    if function.id in effects.FUNCTION_NAMES:
        return not (node.args and isinstance(node.args[0], _NO_CONTAINER))
    if function.id in calls.ATTRIBUTE_NAMES or context.paths.local(function) is not None:
        return True
    return source.variables.global_matters(function.id)


def _arguments(context: Context, instruction: Instruction, node: ast.Call) -> tuple[Getter | None, ...]:
    found: list[Getter | None] = []
    for number, argument in enumerate(node.args):
        if isinstance(argument, ast.Starred):
            break
        there = None if isinstance(argument, ast.Name) else context.stack.argument(instruction, number)
        operands = operands_of(context, argument, there)
        getter = context.paths.getter(argument, there)
        found.append(getter if getter is not None else operands[0] if operands else None)
    return tuple(found)


def _receiver(context: Context, function: ast.Attribute) -> Getter:
    node = function.value
    if is_super(node) and context.code.co_argcount:
        return calls.super_receiver(context.code.co_varnames[0])
    if is_fresh(node) and function.attr not in effects.CONSUMING:
        return _nothing
    getter = context.paths.getter(node)
    return getter if getter is not None else _unknown


def _unknown(frame: object, variables: object) -> object:
    return UNKNOWN


def _nothing(frame: object, variables: object) -> object:
    return None
