"""Evaluates the expression in front of an access again, without side effects."""

from __future__ import annotations

import ast
import threading
from collections.abc import Callable, Mapping
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.engine import unreadable
from pytest_racecheck.engine.operation import UNKNOWN
from pytest_racecheck.instrument.attributes import one_of, value_of
from pytest_racecheck.instrument.containers import is_plain

if TYPE_CHECKING:
    from pytest_racecheck.instrument.variables import Variables

#: The local variables of a frame (``frame.f_locals``, which is dear on 3.12: read once for each access).
Locals = Mapping[str, Any]

#: Finds a value in a frame; UNKNOWN when that could run code, or when a variable is not bound.
Getter = Callable[[FrameType, Locals], object]

_OPTIMIZED: Final = 0x1  # inspect.CO_OPTIMIZED: a function, whose local variables are known from the code
_SUBSCRIPTABLE: Final[frozenset[type]] = frozenset({list, dict, tuple})


class Paths:
    """Makes getters for the expressions of one code object.

    Can be read: variables, attributes that resolve to plain data, items of lists, dicts and tuples under constant or
    variable keys, the running thread. Anything else (calls, operators, properties) has no getter.
    """

    def __init__(self, code: CodeType, variables: Variables | None) -> None:
        self._locals = frozenset((*code.co_varnames, *code.co_cellvars, *code.co_freevars))
        self._unreadable = unreadable.unreadable(code)
        self._function = bool(code.co_flags & _OPTIMIZED)
        self._mangled = variables.mangled if variables is not None else {}
        # A parameter of a comprehension or lambda can't be mistaken: names are looked up as the code itself does.
        self._private = {name.partition("__")[2]: name for name in self._locals if name.startswith("_")}

    def local(self, node: ast.expr | None) -> str | None:
        """The name of the local variable that ``node`` is, None if it is anything else, or no key of ``f_locals``."""
        if isinstance(node, ast.Name) and self._function:
            name = self._local_name(node.id)
            return name if name in self._locals and name not in self._unreadable else None
        return None

    def getter(self, node: ast.expr | None, otherwise: Getter | None = None) -> Getter | None:
        """A function that finds the value of ``node`` in a frame of the code, None if that can't be done.

        ``otherwise`` finds it too, and is asked where nothing else tells.
        """
        if isinstance(node, ast.Constant):
            value = node.value
            return lambda frame, variables: value
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
            negative = node.operand.value
            return (lambda frame, variables: -negative) if isinstance(negative, int | float) else None
        steps: list[str | Getter] = []
        while True:
            if isinstance(node, ast.Attribute):
                steps.append(self._mangled.get(node, node.attr))
                node = node.value
            elif isinstance(node, ast.Subscript):
                key = self.getter(node.slice) if not isinstance(node.slice, ast.Slice) else None
                if key is None:
                    return otherwise
                steps.append(key)
                node = node.value
            elif isinstance(node, ast.NamedExpr):
                node = node.target  # it is assigned before the access
            elif isinstance(node, ast.Name):
                base = self._variable(node.id)
                return _chain(base, tuple(reversed(steps)), otherwise) if steps else base
            else:
                return self._of_this_thread(node, tuple(reversed(steps))) or otherwise

    def _of_this_thread(self, node: ast.expr | None, steps: tuple[str | Getter, ...]) -> Getter | None:
        """``threading.current_thread()``, the one call that finds the same wherever it is made again."""
        if not isinstance(node, ast.Call) or node.args or not isinstance(node.func, ast.Name | ast.Attribute):
            return None
        if (node.func.id if isinstance(node.func, ast.Name) else node.func.attr) != "current_thread":
            return None
        function = self.getter(node.func)
        return None if function is None else _chain(lambda *where: _current_thread(function(*where)), steps)

    def tuple_getter(self, node: ast.Tuple) -> Getter | None:
        """The same for a key of several parts, ``d[i, j]``."""
        parts = [self.getter(part) for part in node.elts]
        found = [part for part in parts if part is not None]
        if len(found) < len(parts):
            return None

        def several(frame: FrameType, variables: Locals) -> object:
            values = tuple(part(frame, variables) for part in found)
            return UNKNOWN if any(value is UNKNOWN for value in values) else values

        return several

    def _local_name(self, name: str) -> str:
        if name.startswith("__") and not name.endswith("__"):
            return self._private.get(name[2:], name)
        return name

    def _variable(self, name: str) -> Getter:
        name = self._local_name(name)
        if not self._function:
            return lambda frame, variables: _name(frame, variables, name)
        if name in self._unreadable:
            return lambda frame, variables: _unreadable(frame, name)
        if name in self._locals:

            def local(frame: FrameType, variables: Locals) -> object:
                try:
                    return variables[name]
                except KeyError:
                    return UNKNOWN

            return local
        return lambda frame, variables: _global(frame, name)


def _current_thread(function: object) -> object:
    return threading.current_thread() if function is threading.current_thread else UNKNOWN


def _chain(base: Getter, steps: tuple[str | Getter, ...], otherwise: Getter | None = None) -> Getter:
    def chain(frame: FrameType, variables: Locals) -> object:
        value = base(frame, variables)
        for step in steps:
            if value is UNKNOWN:
                break
            value = value_of(value, step) if type(step) is str else _item(value, step(frame, variables))  # type: ignore[operator]
        return otherwise(frame, variables) if value is UNKNOWN and otherwise is not None else value

    return chain


def _global(frame: FrameType, name: str) -> object:
    try:
        return frame.f_globals[name]
    except KeyError:
        return frame.f_builtins.get(name, UNKNOWN)


def _unreadable(frame: FrameType, name: str) -> object:
    try:
        return unreadable.read(frame, name)
    except KeyError:
        return UNKNOWN


def _name(frame: FrameType, variables: Locals, name: str) -> object:
    try:
        return variables[name]
    except KeyError:
        return _global(frame, name)


def _item(container: object, key: object) -> object:
    if not one_of(type(container), _SUBSCRIPTABLE) or key is UNKNOWN or not is_plain(key):
        return UNKNOWN
    try:
        return container[key]  # type: ignore[index]
    except (KeyError, IndexError, TypeError):
        return UNKNOWN
