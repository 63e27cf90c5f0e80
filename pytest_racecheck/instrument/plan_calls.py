"""Plans calls: which of them may touch memory in one step of C code is partly seen from the source."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_racecheck.engine.operation import UNKNOWN
from pytest_racecheck.instrument import calls, effects
from pytest_racecheck.instrument.plan_containers import operands_of
from pytest_racecheck.instrument.source import is_fresh, is_super

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from pytest_racecheck.instrument.bytecode import Instruction
    from pytest_racecheck.instrument.calls import CallHandler, CallSite
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
    #: Finds the function, if it isn't the method ``name`` of what ``receiver`` finds.
    function: Getter | None
    name: str
    receiver: Getter

    def traced(self) -> Handler | None:
        """The handler for an instruction event."""
        if self.function is None and not self.name:
            return None
        return calls.traced_call(self.site, self.handler, self.function, self.name, self.receiver)


def plan_call(
    context: Context, instruction: Instruction, source: SourceFile | None, *, every: bool = False
) -> PlannedCall | None:
    """The plan for one call, None when it can't touch anything known. ``every``: any name may stand for anything."""
    if source is None:
        site = calls.CallSite(_maker(context, instruction))
        return PlannedCall(site, calls.call(site), None, "", _unknown)
    node = source.node(instruction.position, ast.Call)
    if node is None or not (every or _may_be_known(context, node, source)):
        return None
    site = _site(context, node)
    return PlannedCall(site, calls.call(site), *_called(context, node.func))


def plan_look(
    context: Context, instruction: Instruction, source: SourceFile | None
) -> Callable[[FrameType], tuple[object, object]] | None:
    """Finds what a call calls, UNKNOWN if that can't be told, and its first argument."""
    node = source.node(instruction.position, ast.Call) if source is not None else None
    if node is None or isinstance(node.func, ast.Lambda):
        return None
    site, (function, name, receiver) = _site(context, node), _called(context, node.func)
    return lambda frame: calls.look_up(frame, site, function, name, receiver)


def _site(context: Context, node: ast.Call) -> CallSite:
    function = node.func
    return calls.CallSite(
        _maker(context, node),
        _arguments(context, node),
        isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id in _UNBOUND,
        next((context.paths.getter(keyword.value) for keyword in node.keywords if keyword.arg == "key"), None),
        operands_of(context, node.args[0])[1:] if node.args else (),
    )


def _called(context: Context, function: ast.expr) -> tuple[Getter | None, str, Getter]:
    if isinstance(function, ast.Attribute):
        return None, function.attr, _receiver(context, function.value)
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


def _arguments(context: Context, node: ast.Call) -> tuple[Getter | None, ...]:
    found: list[Getter | None] = []
    for argument in node.args:
        if isinstance(argument, ast.Starred):
            break
        operands = operands_of(context, argument)
        getter = context.paths.getter(argument)
        found.append(getter if getter is not None else operands[0] if operands else None)
    return tuple(found)


def _receiver(context: Context, node: ast.expr) -> Getter:
    if is_super(node) and context.code.co_argcount:
        return calls.super_receiver(context.code.co_varnames[0])
    if is_fresh(node):
        return _nothing
    getter = context.paths.getter(node)
    return getter if getter is not None else _unknown


def _unknown(frame: object, variables: object) -> object:
    return UNKNOWN


def _nothing(frame: object, variables: object) -> object:
    return None
