"""Loops as they stand in the source: which one a call is in, what it reads there, and whether a clock ends it."""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
from collections.abc import Iterator
from types import CodeType
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from pytest_racecheck.engine import current

if TYPE_CHECKING:
    from types import FrameType

_LOOPS: Final = (ast.While, ast.For, ast.AsyncFor)
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_LEAVING: Final = (ast.Break, ast.Return)

#: What gives values for ever.
_ENDLESS: Final = frozenset({"count", "cycle", "repeat"})

#: What reads local variables without naming them.
_READS_ALL: Final = frozenset({"locals", "vars", "eval", "exec", "dir"})

#: Line and column.
Spot = tuple[int, int]


class ClockLoop(NamedTuple):
    """A ``while`` loop that goes on or not by what the clock says. ``only``: and by nothing else."""

    start: Spot
    only: bool


_clock_loops: dict[tuple[CodeType, int], ClockLoop | Literal["other"] | None] = {}
_told_loops: dict[tuple[CodeType, int], Spot | None] = {}
_unread: dict[tuple[CodeType, int], frozenset[str]] = {}


def clock_loop(frame: FrameType) -> ClockLoop | Literal["other"] | None:
    """The innermost loop that a call is in, if the expression that it is at tells whether it goes on.

    "other" if that tells something else, None if the call is in no loop of its function.
    """
    key = (frame.f_code, frame.f_lasti)
    try:
        return _clock_loops[key]
    except KeyError:
        around, spot = _around(*key), _spot(*key)
        found: ClockLoop | Literal["other"] | None = None
        if around and spot is not None:
            loop = around[-1]
            found = (isinstance(loop, ast.While) and _ended_at(loop, spot)) or "other"
        _clock_loops[key] = found
        return found


def told_loop(code: CodeType, offset: int) -> Spot | None:
    """The innermost loop around this place, if what is evaluated there ends it, and no variable that it assigns."""
    key = (code, offset)
    try:
        return _told_loops[key]
    except KeyError:
        around, spot = _around(*key), _spot(*key)
        is_told = around and spot is not None and _is_told_at(around[-1], spot)
        _told_loops[key] = (around[-1].lineno, around[-1].col_offset) if is_told else None
        return _told_loops[key]


def unread(code: CodeType, offset: int) -> frozenset[str]:
    """The local variables that nothing in the outermost loop around this place reads: they make no difference there."""
    key = (code, offset)
    try:
        return _unread[key]
    except KeyError:
        around = _around(code, offset)
        found: set[str] = set()
        if around and code.co_flags & inspect.CO_OPTIMIZED:
            read = set(_names_read(around[0]))
            if not read & _READS_ALL:
                found = set(code.co_varnames) - read - set(code.co_cellvars)
        _unread[key] = frozenset(found)
        return _unread[key]


def _names_read(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if _is_read(each):
            yield each.id  # type: ignore[attr-defined]
        elif isinstance(each, (ast.For, ast.AsyncFor, ast.comprehension)) and not _is_endless(each.iter):
            # How far it is shows by nothing but what it assigns.
            yield from (part.id for part in ast.walk(each.target) if isinstance(part, ast.Name))


def _is_read(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)


def _around(code: CodeType, offset: int) -> tuple[ast.While | ast.For | ast.AsyncFor, ...]:
    """The loops of the function itself that are around this place, outermost first."""
    spot = _spot(code, offset)
    if spot is None or (code.co_name.startswith("<") and code.co_name != "<module>"):
        return ()
    scope: ast.AST = _parsed(code.co_filename)
    for node in ast.walk(scope):  # outermost first
        if isinstance(node, _FUNCTIONS) and _contains(node, spot):
            scope = node
    if getattr(scope, "name", "<module>") != code.co_name:
        return ()
    return tuple(node for node in _own_nodes(scope) if isinstance(node, _LOOPS) and _goes_round(node, spot))


def _goes_round(loop: ast.While | ast.For | ast.AsyncFor, spot: Spot) -> bool:
    """Whether a place belongs to each turn of a loop."""
    if not isinstance(loop, ast.While) and _contains(loop.iter, spot):
        return False
    return (loop.lineno, loop.col_offset) <= spot < _end(loop)


def _end(loop: ast.While | ast.For | ast.AsyncFor) -> Spot:
    last = loop.body[-1]
    return (last.end_lineno or last.lineno, last.end_col_offset or 0)


def _ended_at(loop: ast.While, spot: Spot) -> ClockLoop | None:
    """The loop, if what is evaluated at ``spot`` tells whether it goes on, at once or through a variable."""
    own = list(_own_nodes(loop))
    names = {
        target.id
        for node in own
        if isinstance(node, ast.Assign) and _contains(node, spot)
        for target in node.targets
        if isinstance(target, ast.Name)
    }

    def tells(test: ast.expr) -> bool:
        return _contains(test, spot) or any(_is_read(each) and each.id in names for each in ast.walk(test))  # type: ignore[attr-defined]

    ends = list(_exits(loop))
    ways_out = [each for each in own if isinstance(each, ast.If) and isinstance(each.body[-1], _LEAVING)]
    if tells(loop.test):
        only = isinstance(loop.test, ast.Compare) and not ends
    else:
        way_out = next((each for each in ways_out if tells(each.test)), None)
        if way_out is None:
            return None
        always = isinstance(loop.test, ast.Constant)
        only = always and isinstance(way_out.test, ast.Compare) and ends == [way_out.body[-1]]
    return ClockLoop((loop.lineno, loop.col_offset), only)


def _is_told_at(loop: ast.While | ast.For | ast.AsyncFor, spot: Spot) -> bool:
    own = list(_own_nodes(loop))
    ways_out = [each for each in own if isinstance(each, ast.If) and isinstance(each.body[-1], _LEAVING)]
    tests = [each.test for each in ways_out]
    if not isinstance(loop, ast.While):
        if not _is_endless(loop.iter):
            return False
    elif not isinstance(loop.test, ast.Constant):
        tests.append(loop.test)
    known = [each.body[-1] for each in ways_out]
    if not any(_contains(test, spot) for test in tests) or any(each not in known for each in _exits(loop)):
        return False
    read = {each.id for test in tests for each in ast.walk(test) if _is_read(each)}  # type: ignore[attr-defined]
    within = {node for test in tests for node in ast.walk(test)}
    assigned = {node.id for node in own if isinstance(node, ast.Name) and node not in within and not _is_read(node)}
    return read.isdisjoint(assigned) and not _may_run_out_of_work(own, ways_out)


def _may_run_out_of_work(own: list[ast.AST], ways_out: list[ast.If]) -> bool:
    """Whether it depends on something that a loop changes what it does in a turn."""
    choices = [each.test for each in own if isinstance(each, (ast.If, ast.IfExp, ast.While)) and each not in ways_out]
    read = {text for test in choices for each in ast.walk(test) for text in _texts(each)}
    changed = {text for each in own for text in _changed(each)}
    return not read.isdisjoint(changed)


def _texts(node: ast.AST) -> Iterator[str]:
    if isinstance(node, (ast.Name, ast.Attribute)):
        yield ast.unparse(node)


def _changed(node: ast.AST) -> Iterator[str]:
    """What a node may give another value, or change by a method."""
    if isinstance(node, (ast.Name, ast.Attribute)) and not isinstance(node.ctx, ast.Load):
        yield ast.unparse(node)
    elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
        yield ast.unparse(node.value)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        yield ast.unparse(node.func.value)


def _is_endless(iterated: ast.expr) -> bool:
    if not isinstance(iterated, ast.Call):
        return False
    name = getattr(iterated.func, "attr", getattr(iterated.func, "id", ""))
    return name in _ENDLESS and (name != "repeat" or len(iterated.args) + len(iterated.keywords) == 1)


def _exits(loop: ast.AST) -> Iterator[ast.AST]:
    """What leaves a loop before its test says so, or waits in it for whoever asked for the next value."""
    for node in ast.iter_child_nodes(loop):
        if isinstance(node, (*_LEAVING, ast.Yield, ast.YieldFrom, ast.Await)):
            yield node
        if isinstance(node, _LOOPS):
            yield from (each for each in _exits(node) if not isinstance(each, ast.Break))
        elif not isinstance(node, _FUNCTIONS):
            yield from _exits(node)


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function's body, outermost first, without those of functions inside."""
    for node in ast.iter_child_nodes(scope):
        if not isinstance(node, _FUNCTIONS):
            yield node
            yield from _own_nodes(node)


def _contains(node: ast.expr | ast.stmt, spot: Spot) -> bool:
    return (node.lineno, node.col_offset) <= spot < (node.end_lineno or node.lineno, node.end_col_offset or 0)


@functools.lru_cache(maxsize=64)
def _parsed(file: str) -> ast.Module:
    me = current.thread
    if me is not None:
        me.quiet += 1  # reading the file is no part of what the thread does
    try:
        return ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError, RecursionError):
        return ast.Module([], [])
    finally:
        if me is not None:
            me.quiet -= 1


@functools.lru_cache(maxsize=1024)
def _spots(code: CodeType) -> list[Spot | None]:
    return [None if line is None or column is None else (line, column) for line, _, column, _ in code.co_positions()]


def _spot(code: CodeType, offset: int) -> Spot | None:
    """Line and column of an instruction."""
    spots = _spots(code)
    return spots[offset // 2] if 0 <= offset // 2 < len(spots) else None
