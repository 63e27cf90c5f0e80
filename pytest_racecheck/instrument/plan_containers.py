"""Plans operations on whole containers: loops, tests, comparisons, unpacking, operators in place."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from pytest_racecheck.instrument import effects, opcodes, whole_handlers
from pytest_racecheck.instrument.bytecode import Instruction, local_pair
from pytest_racecheck.instrument.context import Context
from pytest_racecheck.instrument.handlers import Handler
from pytest_racecheck.instrument.source import SourceFile, is_fresh

if TYPE_CHECKING:
    from pytest_racecheck.instrument.paths import Getter

Maker = Callable[[Context, Instruction, SourceFile], Handler | None]

_COMPREHENSIONS: Final = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_DISPLAYS: Final = (ast.List, ast.Tuple, ast.Set)
_SIMPLE: Final = (ast.Name, ast.Attribute, ast.Subscript)
_VARARGS: Final = 0x04  # inspect.CO_VARARGS
_OPERATORS: Final = (ast.Add, ast.BitOr, ast.BitAnd, ast.BitXor, ast.Sub, ast.Mult)


def operands_of(context: Context, node: ast.expr, depth: int = 3) -> tuple[Getter, ...]:
    """Getters for the containers that iterating over ``node`` looks into."""
    if isinstance(node, ast.Call) and depth:
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr in effects.VIEWS and not node.args:
            return operands_of(context, function.value, depth - 1)
        if isinstance(function, ast.Name) and function.id in effects.WRAPPERS:
            skipped = 1 if function.id in ("map", "filter") else 0
            return tuple(getter for part in node.args[skipped:] for getter in operands_of(context, part, depth - 1))
        return ()
    getter = context.paths.getter(node)
    return (getter,) if getter is not None and not isinstance(node, ast.Constant) else ()


def _loop(context: Context, instruction: Instruction, source: SourceFile) -> Handler | None:
    pair = _iterated(context, instruction, source)
    if pair is None:
        return None
    iterated, target = pair
    hidden, context.hidden_loop = context.hidden_loop, False
    operands = operands_of(context, iterated)
    if hidden:
        # The interpreter made the iterator outside and passes it as a hidden argument. Other comprehensions than
        # generators are functions in some versions only, and must not show more there.
        if is_fresh(iterated) or not (operands or context.code.co_name == "<genexpr>"):
            return None
        operands = (lambda _frame, variables: variables.get(".0"),)
    elif _names(iterated) & _names(target):
        return None  # what stands here means something else after the first turn
    if not operands:
        return None
    get = context.accesses.get
    read, update = get(iterated, "read", "iter", True), get(iterated, "update", "iter", True)
    return whole_handlers.next_item(read, update, operands, hidden)


def _delegate(context: Context, instruction: Instruction, source: SourceFile) -> Handler | None:
    """``yield from``: a loop in one instruction."""
    node = source.node(instruction.position, ast.YieldFrom)
    operands = operands_of(context, node.value) if node is not None else ()
    if node is None or not operands:
        return None
    get = context.accesses.get
    read, update = get(node.value, "read", "iter", True), get(node.value, "update", "iter", True)
    return whole_handlers.next_item(read, update, operands)


def _iterator(context: Context, instruction: Instruction, source: SourceFile) -> Handler | None:
    iterated = _about_to_iterate(context, instruction, source)
    if iterated is None or is_fresh(iterated):
        return None
    operands = operands_of(context, iterated)
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
    operands = operands_of(context, node.comparators[place])
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
    handler, operands = None, []
    if isinstance(node, ast.AugAssign) and isinstance(node.op, _OPERATORS):
        operands = [node.target, node.value]
        getter = context.paths.getter(node.target)
        if getter is not None and _meets_containers(node.op, node.value):
            update = context.accesses.get(node.target, "update", "in place", True)
            added = () if isinstance(node.op, ast.Mult) else operands_of(context, node.value)[:1]
            read = [
                whole_handlers.whole(context.accesses.get(node.value, "read", "in place", True), each) for each in added
            ]
            handler = whole_handlers.in_place(update, getter, *read)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        return _filled_in(context, node)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, _OPERATORS):
        operands = [node.left, node.right]
        if all(_meets_containers(node.op, operand) for operand in operands):
            handler = _two(context, node, "operator", operands)
    elif isinstance(node, ast.Compare):
        operands = [node.left, *node.comparators]
        display = _display(context, node, "compare", *operands)
        if display is not None:
            return display
        if all(_meets_containers(ast.Eq(), operand) for operand in operands):
            handler = _two(context, node, "compare", operands)
    if handler is None or not any(isinstance(operand, ast.Constant) for operand in operands):
        return handler
    other = next(getter for operand in operands for getter in operands_of(context, operand))
    return context.patience.handler(handler, other, instruction.offset)


def _display(context: Context, node: ast.expr, name: str, *operands: ast.expr) -> Handler | None:
    """``[items, 1] == ...``, ``x in (items, others)``: compares what is in the list as well. None if nothing is."""
    if not any(isinstance(operand, _DISPLAYS) and operand.elts for operand in operands):
        return None
    parts = [part for each in operands for part in (each.elts if isinstance(each, _DISPLAYS) else [each])]
    getters = [getter for part in parts if isinstance(part, _SIMPLE) for getter in operands_of(context, part)]
    return whole_handlers.several(context.accesses.get(node, "read", name, True), getters) if getters else None


def _filled_in(context: Context, node: ast.BinOp) -> Handler | None:
    """``"..." % values``."""
    is_text = isinstance(node.left, ast.JoinedStr | ast.Constant) and not _is_number(node.left)
    parts = node.right.elts if isinstance(node.right, ast.Tuple) else [node.right]
    getters = [getter for part in parts for getter in operands_of(context, part)]
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


def _two(context: Context, node: ast.expr, name: str, operands: list[ast.expr]) -> Handler | None:
    # A view of a dictionary, such as ``d.keys()``, is one of them.
    getters = [getter for operand in operands for getter in operands_of(context, operand)[:1]]
    if not getters:
        return None
    access = context.accesses.get(node, "read", name, True)
    if len(getters) == 1:
        return whole_handlers.whole(access, getters[0], deep=name == "compare")
    return whole_handlers.two_wholes(access, *getters[:2])


def _whole(context: Context, node: ast.expr | None, name: str) -> Handler | None:
    getter = context.paths.getter(node) if isinstance(node, _SIMPLE) else None
    if node is None or getter is None:
        return None
    return whole_handlers.whole(context.accesses.get(node, "read", name, True), getter, deep=name == "format")


def _test(context: Context, instruction: Instruction, source: SourceFile) -> Handler | None:
    node = _pushed(context, source)
    if instruction.opname == "UNARY_NOT":
        negation = source.node(instruction.position, ast.UnaryOp)
        node = negation.operand if negation is not None else node
    pair = local_pair(context.code, context.before) if context.before is not None else None
    if pair is not None:
        # One instruction pushed two variables, and the second is tested.
        found = source.node(instruction.position, ast.Name, ast.BoolOp)
        for part in found.values if isinstance(found, ast.BoolOp) else (found,):
            if isinstance(part, ast.Name) and part.id == pair[1]:
                node = part
    return _whole(context, node, "bool")


def _format(context: Context, instruction: Instruction, source: SourceFile) -> Handler | None:
    # Before 3.12, every part of an f-string stands where the whole does.
    replaced = source.node(instruction.position, ast.FormattedValue) if opcodes.CALL_EVENTS else None
    if replaced is None:
        return _whole(context, _pushed(context, source), "format")
    return _whole(context, replaced.value, "format") if replaced.format_spec is None else None


def _spread(context: Context, instruction: Instruction, source: SourceFile) -> Handler | None:
    return _whole(context, _pushed(context, source), "unpack")


def plan_star(context: Context, instruction: Instruction, source: SourceFile | None) -> Handler | None:
    """``f(*items)``: takes them in the same step as it calls, unless there are other arguments in front."""
    node = source.node(instruction.position, ast.Call) if source is not None else None
    if node is None or instruction.opname != "CALL_FUNCTION_EX" or len(node.args) != 1:
        return None
    argument = node.args[0]
    if not isinstance(argument, ast.Starred) or _is_own_rest(context, argument.value):
        return None
    return _whole(context, argument.value, "unpack")


def _is_own_rest(context: Context, node: ast.expr) -> bool:
    """Whether ``node`` is what the function calls ``*args``: a tuple, unless it is assigned."""
    code = context.code
    number = code.co_argcount + code.co_kwonlyargcount
    return bool(code.co_flags & _VARARGS) and isinstance(node, ast.Name) and node.id == code.co_varnames[number]


def _pushed(context: Context, source: SourceFile) -> ast.expr | None:
    """The expression whose value the previous instruction pushed."""
    before = context.before
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


def _names(node: ast.expr) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


MAKERS: Final[dict[str, Maker]] = {
    "GET_ITER": _iterator,
    "GET_YIELD_FROM_ITER": _iterator,
    "FOR_ITER": _loop,
    "SEND": _delegate,
    "CONTAINS_OP": _contains,
    "COMPARE_OP": _operator,
    "BINARY_OP": _operator,
    **dict.fromkeys(opcodes.TESTS, _test),
    **dict.fromkeys(opcodes.FORMATS, _format),
    **dict.fromkeys(opcodes.SPREADS, _spread),
}
