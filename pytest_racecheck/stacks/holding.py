"""Which locks a thread holds by the ``with`` blocks that it is in, and where it took them.

Locks don't know who holds them. The blocks around the place where a thread is do: those of all functions on its stack.
Nothing is run: names, attributes and items are looked up as far as that needs no code of the reader's.
"""

from __future__ import annotations

import ast
import functools
import linecache
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_racecheck.detect import peek
from pytest_racecheck.detect.stacks import library_frames, local, user_frames

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType, ModuleType

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class Taken(NamedTuple):
    """An object that a ``with`` statement took, and where."""

    value: object
    file: str
    line: int


def taken_by(frame: FrameType | None) -> list[Taken]:
    """What the thread with this innermost frame took by ``with`` and has not given back, outermost first."""
    found: list[Taken] = []
    released = [local(each, "self") for each in library_frames(frame) if each.f_code.co_qualname == "Condition.wait"]
    for each in reversed(user_frames(frame)):
        file = each.f_code.co_filename
        for item in _open_items(each):
            value = _evaluate(each, item.context_expr)
            if value is not None and not any(is_same_lock(condition, value) for condition in released):
                found.append(Taken(value, file, item.context_expr.lineno))
    return found


def called_at(frame: FrameType | None) -> str:
    """The name of the function that a frame has called; "" where that can't be told."""
    module, position = (None, None) if frame is None else (_parsed(frame.f_code.co_filename), _position(frame))
    name = ""
    if module is not None and position is not None:
        for node in ast.walk(module):  # outermost first
            if isinstance(node, ast.Call) and _contains(node, position):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    return name


def waited_for(frame: FrameType | None) -> object | None:
    """The object whose method in C the innermost frame is in, or that its ``with`` statement is taking."""
    if frame is None:
        return None
    module, position = _parsed(frame.f_code.co_filename), _position(frame)
    if module is None or position is None:
        return None
    found: ast.expr | None = None
    for node in ast.walk(module):  # outermost first
        if isinstance(node, ast.Call) and _contains(node, position):
            found = node.func.value if isinstance(node.func, ast.Attribute) else None
        elif isinstance(node, ast.With):
            found = next((each.context_expr for each in node.items if _contains(each.context_expr, position)), found)
    return None if found is None else _evaluate(frame, found)


def is_same_lock(value: object, lock: object) -> bool:
    """Whether ``value`` is the lock, or something that consists of it, as a condition does."""
    return value is lock or peek.attribute(value, "_lock") is lock


@functools.lru_cache(maxsize=64)
def _parsed(file: str) -> ast.Module | None:
    try:
        return ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError, RecursionError):
        return None


def _open_items(frame: FrameType) -> Iterator[ast.withitem]:
    code = frame.f_code
    module = _parsed(code.co_filename)
    position = _position(frame)
    if module is None or position is None:
        return
    function = _function_at(module, code.co_firstlineno, position) if code.co_name != "<module>" else module
    if function is None:
        return
    for node in _own_nodes(function):
        if isinstance(node, ast.With) and _contains(node, position):
            inside = position >= (node.body[0].lineno, node.body[0].col_offset)
            for item in node.items:
                expression = item.context_expr
                # In the head of the block: those are taken that stand before the one that it is at.
                if inside or (expression.end_lineno, expression.end_col_offset) <= position:
                    yield item


def _position(frame: FrameType) -> tuple[int, int] | None:
    """Line and column of the instruction that a frame is at."""
    positions = list(frame.f_code.co_positions())
    index = frame.f_lasti // 2
    if not 0 <= index < len(positions):
        return None
    line, _, column, _ = positions[index]
    return None if line is None or column is None else (line, column)


def _function_at(module: ast.Module, first_line: int, position: tuple[int, int]) -> _Function | None:
    for node in ast.walk(module):
        if isinstance(node, _Function) and _contains(node, position):
            decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
            if min([node.lineno, *(each.lineno for each in decorators)]) == first_line:
                return node
    return None


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function's body, outermost first, without those of functions inside."""
    for node in ast.iter_child_nodes(function):
        if not isinstance(node, (*_Function.__args__, ast.ClassDef)):
            yield node
            yield from _own_nodes(node)


def _contains(node: Any, position: tuple[int, int]) -> bool:
    return bool((node.lineno, node.col_offset) <= position < (node.end_lineno, node.end_col_offset))


def _evaluate(frame: FrameType, expression: ast.expr) -> object | None:
    if isinstance(expression, ast.Name):
        value = local(frame, expression.id)
        return frame.f_globals.get(expression.id) if value is None else value
    if isinstance(expression, ast.Attribute):
        return _attribute(_evaluate(frame, expression.value), expression.attr)
    if isinstance(expression, ast.Subscript):
        return _item(_evaluate(frame, expression.value), _key(frame, expression.slice))
    return None


def _key(frame: FrameType, expression: ast.expr) -> object:
    return expression.value if isinstance(expression, ast.Constant) else _evaluate(frame, expression)


def _item(container: object, key: object) -> object | None:
    if type(container) in (list, tuple) and type(key) is int and -len(container) <= key < len(container):  # type: ignore[arg-type]
        return container[key]  # type: ignore[index, no-any-return]
    if type(container) is dict and type(key) in (str, int, bytes, bool):
        return container.get(key)
    return None


def _attribute(owner: object, name: str) -> object | None:
    if owner is None:
        return None
    value: object | None = peek.attribute(owner, name)
    if value is not None:
        return value
    if peek.is_a(owner, type(ast)):
        module: ModuleType = owner  # type: ignore[assignment]
        found: object | None = vars(module).get(name)
        return found
    kind = owner if peek.is_a(owner, type) else type(owner)
    for each in type.__dict__["__mro__"].__get__(kind):
        for known, found in peek.namespace(each):
            if known == name:
                return found
    return None
