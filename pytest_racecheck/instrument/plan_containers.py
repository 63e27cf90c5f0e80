"""Plans operations on whole containers: tests, comparisons, unpacking, operators in place."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from pytest_racecheck.instrument import opcodes, whole_handlers
from pytest_racecheck.instrument.bytecode import Instruction, local_pair
from pytest_racecheck.instrument.context import Context
from pytest_racecheck.instrument.handlers import Handler
from pytest_racecheck.instrument.operands import is_private, operands_of
from pytest_racecheck.instrument.source import SourceFile

if TYPE_CHECKING:
    from pytest_racecheck.instrument.paths import Getter

Maker = Callable[[Context, Instruction, SourceFile], Handler | None]

_DISPLAYS: Final = (ast.List, ast.Tuple, ast.Set)
_SIMPLE: Final = (ast.Name, ast.Attribute, ast.Subscript)
_VARARGS: Final = 0x04  # inspect.CO_VARARGS
_OPERATORS: Final = (ast.Add, ast.BitOr, ast.BitAnd, ast.BitXor, ast.Sub, ast.Mult)


def _contains(context: Context, instruction: Instruction, source: SourceFile) -> Handler | None:
    node = _compared(instruction, source)
    if node is None:
        return None
    places = [number for number, operator in enumerate(node.ops) if isinstance(operator, ast.In | ast.NotIn)]
    place = places[context.count(node) % len(places)]
    left = node.comparators[place - 1] if place else node.left
    display = _display(context, node, "in", node.comparators[place])
    if display is not None:
        return display
    operands = operands_of(context, node.comparators[place], context.stack.getter(instruction))
    if not operands:
        return None
    return whole_handlers.contains(
        context.accesses.get(node, "read", "in", True), operands[0], context.paths.getter(left)
    )


def _compared(instruction: Instruction, source: SourceFile) -> ast.Compare | None:
    """The comparison with this instruction; since 3.13 it is said to stand where a ``not`` in front of it does."""
    node = source.node(instruction.position, ast.Compare)
    if node is None:
        negation = source.node(instruction.position, ast.UnaryOp)
        if negation is not None and isinstance(negation.operand, ast.Compare):
            node = negation.operand
    return node


def _operator(context: Context, instruction: Instruction, source: SourceFile) -> Handler | None:
    node = source.node(instruction.position, ast.BinOp, ast.AugAssign) or _compared(instruction, source)
    handler, operands, stack = None, [], context.stack
    if isinstance(node, ast.AugAssign) and isinstance(node.op, _OPERATORS):
        operands = [node.target, node.value]
        beneath = None if is_private(node.target) else stack.getter(instruction, 2)
        getter = context.paths.getter(node.target, beneath)
        if getter is not None and _meets_containers(node.op, node.value):
            update = context.accesses.get(node.target, "update", "in place", True)
            top = stack.getter(instruction)
            added = () if isinstance(node.op, ast.Mult) else operands_of(context, node.value, top)[:1]
            read = [
                whole_handlers.whole(context.accesses.get(node.value, "read", "in place", True), each) for each in added
            ]
            handler = whole_handlers.in_place(update, getter, *read)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        return _filled_in(context, instruction, node)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, _OPERATORS):
        operands = [node.left, node.right]
        if all(_meets_containers(node.op, operand) for operand in operands):
            handler = _two(context, instruction, node, "operator", operands)
    elif isinstance(node, ast.Compare):
        operands = [node.left, *node.comparators]
        display = _display(context, node, "compare", *operands)
        if display is not None:
            return display
        if all(_meets_containers(ast.Eq(), operand) for operand in operands):
            handler = _two(context, instruction, node, "compare", operands)
    if handler is None or not any(isinstance(operand, ast.Constant) for operand in operands):
        return handler
    return context.patience.handler(handler, _sides(context, instruction, operands)[0], instruction.offset)


def _display(context: Context, node: ast.expr, name: str, *operands: ast.expr) -> Handler | None:
    """``[items, 1] == ...``, ``x in (items, others)``: compares what is in the list as well. None if nothing is."""
    if not any(isinstance(operand, _DISPLAYS) and operand.elts for operand in operands):
        return None
    parts = [part for each in operands for part in (each.elts if isinstance(each, _DISPLAYS) else [each])]
    getters = [getter for part in parts if isinstance(part, _SIMPLE) for getter in operands_of(context, part)]
    return whole_handlers.several(context.accesses.get(node, "read", name, True), getters) if getters else None


def _filled_in(context: Context, instruction: Instruction, node: ast.BinOp) -> Handler | None:
    """``"..." % values``."""
    is_text = isinstance(node.left, ast.JoinedStr | ast.Constant) and not _is_number(node.left)
    parts = node.right.elts if isinstance(node.right, ast.Tuple) else [node.right]
    top = context.stack.getter(instruction) if parts == [node.right] else None
    getters = [getter for part in parts for getter in operands_of(context, part, top)]
    if not (is_text and getters):
        return None
    return whole_handlers.several(context.accesses.get(node, "read", "format", True), getters)


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)


def _meets_containers(operator: ast.AST, operand: ast.expr) -> bool:
    """Whether what is on the other side of ``operator``, or compared with ``operand``, may be a mutable container."""
    if isinstance(operand, ast.JoinedStr):
        return False
    if not isinstance(operand, ast.Constant):
        return True
    kind = type(operand.value)
    if isinstance(operator, ast.Mult):
        return kind is int  # ``items *= 2``
    # ``buffer += b"..."``, ``buffer == b"..."``; and a list takes the characters of a string.
    return kind is bytes or (kind is str and isinstance(operator, ast.Add))


def _two(
    context: Context, instruction: Instruction, node: ast.expr, name: str, operands: list[ast.expr]
) -> Handler | None:
    getters = _sides(context, instruction, operands)
    if not getters:
        return None
    access = context.accesses.get(node, "read", name, True)
    if len(getters) == 1:
        return whole_handlers.whole(access, getters[0], deep=name == "compare")
    return whole_handlers.two_wholes(access, *getters[:2])


def _sides(context: Context, instruction: Instruction, operands: list[ast.expr]) -> list[Getter]:
    """What the operands of an operator are; a view of a dictionary, such as ``d.keys()``, is one of them."""
    getters: list[Getter] = []
    for number, operand in enumerate(operands):
        # A chain of comparisons has more than two: which of them are on the stack is not told.
        top = context.stack.getter(instruction, 2 - number) if len(operands) == 2 else None
        getters += operands_of(context, operand, top)[:1]
    return getters


def _whole(context: Context, node: ast.expr | None, name: str, top: Getter | None) -> Handler | None:
    """All of the value of ``node``, which ``top`` finds, too, is looked at."""
    if node is None or is_private(node):
        return None
    getter = context.paths.getter(node, top)
    if getter is None:
        return None
    return whole_handlers.whole(context.accesses.get(node, "read", name, True), getter, deep=name == "format")


def _test(context: Context, instruction: Instruction, source: SourceFile) -> Handler | None:
    pair = local_pair(context.code, context.before) if context.before is not None else None
    if instruction.opname == "UNARY_NOT":
        negation = source.node(instruction.position, ast.UnaryOp)
        if negation is not None and isinstance(negation.operand, _SIMPLE):
            return _whole(context, negation.operand, "bool", context.stack.getter(instruction))
    elif pair is not None:
        # One instruction pushed two variables, and the second is tested.
        found = source.node(instruction.position, ast.Name, ast.BoolOp)
        for part in found.values if isinstance(found, ast.BoolOp) else (found,):
            if isinstance(part, ast.Name) and part.id == pair[1]:
                return _whole(context, part, "bool", None)
    return _whole(context, _pushed(context, source), "bool", context.stack.getter(instruction))


def _format(context: Context, instruction: Instruction, source: SourceFile) -> Handler | None:
    # Before 3.12, every part of an f-string stands where the whole does.
    replaced = source.node(instruction.position, ast.FormattedValue) if opcodes.CALL_EVENTS else None
    value = _pushed(context, source) if replaced is None else None if replaced.format_spec else replaced.value
    return _whole(context, value, "format", context.stack.getter(instruction))


def _spread(context: Context, instruction: Instruction, source: SourceFile) -> Handler | None:
    return _whole(context, _pushed(context, source), "unpack", context.stack.getter(instruction))


def plan_star(context: Context, instruction: Instruction, source: SourceFile | None) -> Handler | None:
    """``f(*items)``: takes them in the same step as it calls, unless there are other arguments in front."""
    node = source.node(instruction.position, ast.Call) if source is not None else None
    if node is None or instruction.opname != "CALL_FUNCTION_EX" or len(node.args) != 1:
        return None
    argument = node.args[0]
    if not isinstance(argument, ast.Starred) or _is_own_rest(context, argument.value):
        return None
    place = 2 if instruction.arg & 1 else 1  # below the keyword arguments, if there are any
    return _whole(context, argument.value, "unpack", context.stack.getter(instruction, place))


def _is_own_rest(context: Context, node: ast.expr) -> bool:
    """Whether ``node`` is what the function calls ``*args``: a tuple, unless it is assigned."""
    code = context.code
    number = code.co_argcount + code.co_kwonlyargcount
    return bool(code.co_flags & _VARARGS) and isinstance(node, ast.Name) and node.id == code.co_varnames[number]


def _pushed(context: Context, source: SourceFile) -> ast.expr | None:
    """The expression whose value the previous instruction pushed."""
    before = context.before
    if before is not None and before.opname in opcodes.CALLS:
        return source.node(before.position, ast.Call)
    if before is None or before.opname not in opcodes.LOADS:
        return None
    if before.opname in opcodes.ATTRIBUTE_READS:
        return source.attribute(before.position, before.name)
    node = source.node(before.position, ast.Name, ast.Subscript)
    if node is None and before.name.startswith("@py"):
        # pytest keeps the parts of an assertion in variables of its own.
        rewritten = source.node(before.position, ast.Assert)
        return rewritten.test if rewritten is not None else None
    return node


MAKERS: Final[dict[str, Maker]] = {
    "CONTAINS_OP": _contains,
    "COMPARE_OP": _operator,
    "BINARY_OP": _operator,
    **dict.fromkeys(opcodes.TESTS, _test),
    **dict.fromkeys(opcodes.FORMATS, _format),
    **dict.fromkeys(opcodes.SPREADS, _spread),
}
