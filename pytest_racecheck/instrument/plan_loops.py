"""Plans loops: what they iterate over, and what they take from it at each turn."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from pytest_racecheck.instrument import opcodes, whole_handlers
from pytest_racecheck.instrument.bytecode import Instruction
from pytest_racecheck.instrument.context import Context
from pytest_racecheck.instrument.handlers import Handler
from pytest_racecheck.instrument.operands import is_private, operands_of
from pytest_racecheck.instrument.source import SourceFile

if TYPE_CHECKING:
    from pytest_racecheck.instrument.paths import Getter

Maker = Callable[[Context, Instruction, SourceFile], Handler | None]

_COMPREHENSIONS: Final = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def _loop(context: Context, instruction: Instruction, source: SourceFile) -> Handler | None:
    pair = _iterated(context, instruction, source)
    if pair is None:
        return None
    iterated, target = pair
    hidden, context.hidden_loop = context.hidden_loop, False
    if is_private(iterated):
        return None
    top = context.stack.getter(instruction)
    otherwise = () if top is None else (top,)
    if hidden:
        # The interpreter made the iterator outside and passes it as a hidden argument.
        operands: tuple[Getter, ...] = (lambda _frame, variables: variables.get(".0"),)
    elif _names(iterated) & _names(target):
        operands = otherwise  # what stands here means something else after the first turn
    else:
        operands = operands_of(context, iterated) or otherwise
    return _next(context, iterated, operands, top, hidden) if operands else None


def _next(
    context: Context, iterated: ast.expr, operands: tuple[Getter, ...], top: Getter | None, made_here: bool = False
) -> Handler:
    get = context.accesses.get
    read, update = get(iterated, "read", "iter", True), get(iterated, "update", "iter", True)
    return whole_handlers.next_item(read, update, operands, top, made_here)


def _delegate(context: Context, instruction: Instruction, source: SourceFile) -> Handler | None:
    """``yield from``: a loop in one instruction."""
    node = source.node(instruction.position, ast.YieldFrom)
    top = context.stack.getter(instruction, 2)  # below what is sent
    operands = operands_of(context, node.value, top) if node is not None else ()
    return _next(context, node.value, operands, top) if node is not None and operands else None


def _iterator(context: Context, instruction: Instruction, source: SourceFile) -> Handler | None:
    iterated = _about_to_iterate(context, instruction, source)
    if iterated is None or is_private(iterated):
        return None
    operands = operands_of(context, iterated, context.stack.getter(instruction))
    return whole_handlers.iterator(context.accesses.get(iterated, "read", "iter", True), operands) if operands else None


def _about_to_iterate(context: Context, instruction: Instruction, source: SourceFile) -> ast.expr | None:
    """What the loop with this instruction is to iterate over."""
    if instruction.opname == "GET_YIELD_FROM_ITER":
        delegating = source.node(instruction.position, ast.YieldFrom)
        return delegating.value if delegating is not None else None
    if not opcodes.LOOP_AT_STATEMENT:
        return next(iter(source.iterated.get(instruction.position, ())), None)
    node = source.node(instruction.position, ast.For, *_COMPREHENSIONS)
    if isinstance(node, ast.For):
        return node.iter
    if not isinstance(node, _COMPREHENSIONS):
        return None
    # Where it is a function, the first iterator is passed to it.
    number = context.count(node, "GET_ITER") + (node is context.own)
    return node.generators[number % len(node.generators)].iter


def _iterated(context: Context, instruction: Instruction, source: SourceFile) -> tuple[ast.expr, ast.expr] | None:
    """What the loop with this FOR_ITER iterates over, and its target."""
    if opcodes.LOOP_AT_STATEMENT:
        node = context.comprehension or source.node(instruction.position, ast.For, *_COMPREHENSIONS)
        if isinstance(node, ast.For):
            return node.iter, node.target
        if isinstance(node, _COMPREHENSIONS):
            if context.hidden_loop:
                context.own = node
                if opcodes.COMPREHENSIONS_ARE_FUNCTIONS:
                    context.comprehension = node  # its inner loops are said to stand anywhere
            generator = node.generators[context.count(node) % len(node.generators)]
            return generator.iter, generator.target
    return source.iterated.get(instruction.position)


def _given(context: Context, instruction: Instruction, source: SourceFile) -> Handler | None:
    """An ``__iter__`` returns an iterator. Who asked for it may be C code, which takes all items without more ado."""
    node = source.node(instruction.position, ast.Return) if context.code.co_name == "__iter__" else None
    if node is None or node.value is None or is_private(node.value) or context.code.co_flags & inspect.CO_GENERATOR:
        return None
    top = context.stack.getter(instruction)
    return None if top is None else whole_handlers.given(context.accesses.get(node.value, "read", "iter", True), top)


def _names(node: ast.expr) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


MAKERS: Final[dict[str, Maker]] = {
    "GET_ITER": _iterator,
    "GET_YIELD_FROM_ITER": _iterator,
    "FOR_ITER": _loop,
    "SEND": _delegate,
    "RETURN_VALUE": _given,
}
