"""Which expressions an operation looks into, and which of them no other thread can know."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from pytest_racecheck.instrument import effects
from pytest_racecheck.instrument.containers import container_of
from pytest_racecheck.instrument.source import is_fresh

if TYPE_CHECKING:
    from types import FrameType

    from pytest_racecheck.instrument.context import Context
    from pytest_racecheck.instrument.paths import Getter, Locals

#: What operators make of built-in containers is new.
_NEW: Final = (ast.BinOp, ast.UnaryOp, ast.Compare, ast.Lambda, ast.SetComp, ast.DictComp, ast.GeneratorExp)
#: Functions that say yes or no, or how much.
_PLAIN_RESULTS: Final = frozenset(
    {
        "isinstance",
        "issubclass",
        "callable",
        "hasattr",
        "len",
        "bool",
        "int",
        "float",
        "any",
        "all",
        "ord",
        "id",
        "hash",
    }
)


def is_private(node: ast.expr) -> bool:
    """Whether the value of ``node`` was just made, together with all that it looks into, or never changes."""
    if is_fresh(node) or isinstance(node, _NEW):
        return True
    if isinstance(node, ast.Subscript):
        return isinstance(node.slice, ast.Slice)
    if not isinstance(node, ast.Call):
        return False
    function = node.func
    if isinstance(function, ast.Name):
        return function.id in _PLAIN_RESULTS or (
            function.id in effects.WRAPPERS and all(is_private(part) for part in _items_from(node))
        )
    return isinstance(function, ast.Attribute) and function.attr in effects.VIEWS and is_private(function.value)


def operands_of(context: Context, node: ast.expr, top: Getter | None = None, depth: int = 3) -> tuple[Getter, ...]:
    """Getters for the containers that iterating over ``node`` looks into.

    ``top`` finds the value of ``node``, or an iterator over it, where it can't be found otherwise.
    """
    if is_private(node):
        return ()
    if not isinstance(node, ast.Call) or not depth:
        getter = context.paths.getter(node, top)
        return (getter,) if getter is not None else ()
    function = node.func
    found: tuple[Getter, ...] = ()
    if isinstance(function, ast.Attribute) and function.attr in effects.VIEWS and not node.args:
        found = operands_of(context, function.value, None, depth - 1)
        if found and top is not None:
            return (_dictionary_or(found[0], top),)
    elif isinstance(function, ast.Name) and function.id in effects.WRAPPERS:
        parts = _items_from(node)
        found = tuple(getter for part in parts for getter in operands_of(context, part, None, depth - 1))
    return found or (() if top is None else (top,))


def _dictionary_or(receiver: Getter, top: Getter) -> Getter:
    """What has a method ``items``, if it is a container. Otherwise, what a method of that name has come to."""

    def getter(frame: FrameType, variables: Locals) -> object:
        value = receiver(frame, variables)
        return value if container_of(value) is not None else top(frame, variables)

    return getter


def _items_from(node: ast.Call) -> list[ast.expr]:
    """The arguments that a function in `effects.WRAPPERS` takes its items from."""
    assert isinstance(node.func, ast.Name)
    return node.args[1 if node.func.id in ("map", "filter") else 0 :]
