"""What a place in the source is for: a condition, or a step on the way from a value read to a value written."""

from __future__ import annotations

import ast
import bisect
import functools
import linecache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_TESTED: Final = (ast.If, ast.While, ast.IfExp)
_ASSIGNING: Final = (ast.Assign, ast.AugAssign, ast.AnnAssign)
_LEAVING: Final = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_BLOCKS: Final = ("body", "orelse", "finalbody")
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)

#: Line and column, both as in the source; None for the column: the whole line.
Spot = tuple[int, int | None]


def code_at(file: str, line: int) -> str:
    """The line as written, with its indentation; "" when there is no source."""
    return linecache.getline(file, line).rstrip("\r\n")


def is_test(file: str, line: int, column: int | None = None) -> bool:
    """Whether what stands there decides which way the code takes; the whole line, if no column is given."""
    return any(_covers(test, line, column) for test in _source(file).tests)


def is_guarded(file: str, test: int, line: int) -> bool:
    """Whether ``line`` is reached only if a condition on line ``test`` says so.

    It is inside that statement, or below one that leaves the block that both are in.
    """
    source = _source(file)
    return any(
        _covers(node.test, test) and (_within(node.body, line) or source.is_past(node, line)) for node in source.choices
    )


def flows(file: str, first: Spot, second: Spot) -> bool:
    """Whether what is read at ``first`` goes, through variables of one function, into what is done at ``second``."""
    source = _source(file)
    start, end = source.statement(*first), source.statement(*second)
    if start is None or end is None:
        return False
    if start is end:
        return isinstance(start, (*_ASSIGNING, ast.Expr))
    return bool(_used(end) & set().union(*(names for _, names in _on_the_way(source, start, end))))


def decides(file: str, first: Spot, second: Spot) -> bool:
    """Whether what is read at ``first`` is kept in a variable, by which a condition lets ``second`` come about."""
    source = _source(file)
    start, end = source.statement(*first), source.statement(*second)
    if start is None or end is None or start is end:
        return False
    return any(
        isinstance(statement, (ast.If, ast.While))
        and names & _used(statement.test)
        and (end in ast.walk(statement) or isinstance(statement.body[-1], _LEAVING))
        for statement, names in _on_the_way(source, start, end)
    )


def chooses(file: str, first: Spot, second: Spot) -> bool:
    """Whether what is read at ``first`` stands before an ``or`` or ``and`` in what is done at ``second``."""
    source = _source(file)
    start, end = source.statement(*first), source.statement(*second)
    if start is None or end is None:
        return False
    names: set[str] = set() if start is end else set().union(*(names for _, names in _on_the_way(source, start, end)))
    operators = (node for node in ast.walk(end) if isinstance(node, ast.BoolOp))
    return any(
        _covers(value, *first) if start is end else names & _used(value)
        for operator in operators
        for value in operator.values[:-1]
    )


def is_increment(file: str, spot: Spot) -> bool:
    """Whether the statement is of the kind of ``x += 1``, or ``x = y + 1``."""
    statement = _source(file).statement(*spot)
    return isinstance(statement, ast.AugAssign) or (
        isinstance(statement, ast.Assign) and isinstance(statement.value, ast.BinOp)
    )


def notification_in(file: str, line: int) -> int:
    """Line of a call of ``notify`` that runs whenever the ``with`` statement on ``line`` does, 0 if there is none."""
    statement = _source(file).statement(line)
    for step in statement.body if isinstance(statement, ast.With) else []:
        call = step.value if isinstance(step, ast.Expr) else None
        function = call.func if isinstance(call, ast.Call) else None
        if isinstance(function, ast.Attribute) and function.attr in ("notify", "notify_all"):
            return step.lineno
    return 0


def in_one_function(file: str, first: int, second: int) -> bool:
    """Whether both lines belong to one function; a getter and its setter have the same name."""
    source = _source(file)
    return source.function(first) is source.function(second)


def follows(file: str, first: int, second: int) -> bool:
    """Whether both lines belong to one function, and the second stands below the first or in a loop with it."""
    source = _source(file)
    function = source.function(first)
    if function is None or function is not source.function(second):
        return False
    return second >= first or any(
        isinstance(node, (ast.For, ast.While, ast.AsyncFor)) and _covers(node, first) and _covers(node, second)
        for node in ast.walk(function)
    )


class _Source:
    def __init__(self, text: str) -> None:
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):
            tree = ast.Module([], [])
        nodes = list(ast.walk(tree))
        self.choices = [node for node in nodes if isinstance(node, (ast.If, ast.While))]
        self.tests = [node.test for node in nodes if isinstance(node, _TESTED)]
        self.tests += [test for node in nodes if isinstance(node, ast.comprehension) for test in node.ifs]
        self.statements = sorted(
            (node for node in nodes if isinstance(node, ast.stmt)), key=lambda node: (node.lineno, node.col_offset)
        )
        self._functions = [node for node in nodes if isinstance(node, _FUNCTIONS)]
        self._lines = [node.lineno for node in self.statements]
        self._blocks = [
            block for node in nodes for name in _BLOCKS if isinstance(block := getattr(node, name, None), list)
        ]

    def statement(self, line: int, column: int | None = None) -> ast.stmt | None:
        """The innermost statement that stands on this line, or there; of a compound one, its head alone."""
        for number in range(bisect.bisect_right(self._lines, line) - 1, -1, -1):
            node = self.statements[number]
            if _covers(node, line, column):
                body = getattr(node, "body", None)
                inside = body and (body[0].lineno, body[0].col_offset) <= (line, column or 0)
                return None if inside or (body and column is None and body[0].lineno == line) else node
        return None

    def is_past(self, choice: ast.If | ast.While, line: int) -> bool:
        """Whether ``line`` comes after ``choice`` in its block, and ``choice`` leaves it if its condition holds."""
        if isinstance(choice, ast.While) or not isinstance(choice.body[-1], _LEAVING):
            return False
        block = next(block for block in self._blocks if choice in block)
        return any(_covers(each, line) for each in block[block.index(choice) + 1 :])

    def index(self, statement: ast.stmt) -> int:
        """Its number in the order of the text."""
        return self.statements.index(statement)

    def function(self, line: int) -> ast.AST | None:
        """The innermost function around this line."""
        around = [node for node in self._functions if _covers(node, line)]
        return max(around, key=lambda node: node.lineno, default=None)


@functools.lru_cache(maxsize=64)
def _source(file: str) -> _Source:
    return _Source("".join(linecache.getlines(file)))


def _covers(node: ast.expr | ast.stmt, line: int, column: int | None = None) -> bool:
    end = node.end_lineno or node.lineno
    if column is None or not node.lineno <= line <= end:
        return node.lineno <= line <= end
    after_start = line > node.lineno or column >= node.col_offset
    return after_start and (line < end or column < (node.end_col_offset or 0))


def _within(body: list[ast.stmt], line: int) -> bool:
    return body[0].lineno <= line <= (body[-1].end_lineno or body[-1].lineno)


def _bound(statement: ast.stmt) -> set[str]:
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def _on_the_way(source: _Source, start: ast.stmt, end: ast.stmt) -> Iterator[tuple[ast.stmt, set[str]]]:
    """The statements from ``start`` to ``end``, each with the variables that hold what ``start`` reads by then."""
    names = _bound(start)
    for statement in source.statements[source.index(start) + 1 : source.index(end) + 1]:
        if not names:
            return
        yield statement, set(names)
        if isinstance(statement, _ASSIGNING) and names & _used(statement):
            names |= _bound(statement)


def _used(statement: ast.stmt | ast.expr) -> set[str]:
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
