"""The source of instrumented files: which expression of the text an instruction belongs to.

Sites come from here and not from instructions, so that they are the same on every Python version.
"""

from __future__ import annotations

import ast
import linecache
from typing import TYPE_CHECKING, Final, TypeVar

from pytest_racecheck.engine.operation import Site
from pytest_racecheck.instrument import effects
from pytest_racecheck.instrument.variables import Variables, analyse

if TYPE_CHECKING:
    from pytest_racecheck.instrument.bytecode import Position

Node = TypeVar("Node", bound=ast.AST)
Pattern = TypeVar("Pattern", bound=ast.pattern)

#: Comprehensions are code objects of their own before 3.12 only, and never a function in the eyes of a reader.
_INLINED: Final = ("<listcomp>", "<setcomp>", "<dictcomp>")


class SourceFile:
    """One parsed file; made once for each, by :func:`source_of`."""

    def __init__(self, name: str, lines: list[str]) -> None:
        self.name = name
        self._lines = [line.rstrip("\r\n") for line in lines]
        self._nodes: dict[Position, list[ast.AST]] = {}
        self._attributes: dict[tuple[int | None, int | None], ast.Attribute] = {}
        self._in_strings: set[ast.AST] = set()
        #: What loops iterate over, by its position, with the target that is assigned.
        self.iterated: dict[Position, tuple[ast.expr, ast.expr]] = {}
        #: The patterns of ``match``, each with the expression of what it is matched against; None: a part of that.
        self._patterns: dict[Position, tuple[ast.pattern, ast.expr | None]] = {}
        #: Attributes that are called where they stand: methods, nearly always.
        self.called: set[ast.expr] = set()
        tree = ast.parse("".join(lines))
        self.variables: Variables = analyse(tree)
        self._index(tree)

    def _index(self, tree: ast.Module) -> None:
        stack: list[tuple[ast.AST, bool]] = [(tree, False)]
        while stack:
            node, in_string = stack.pop()
            in_string = in_string or isinstance(node, ast.JoinedStr)
            if in_string:
                self._in_strings.add(node)
            stack.extend([(child, in_string) for child in ast.iter_child_nodes(node)])
            if isinstance(node, ast.For | ast.comprehension):
                self.iterated[position_of(node.iter)] = (node.iter, node.target)
            if isinstance(node, ast.Match):
                for case in node.cases:
                    self._index_pattern(case.pattern, node.subject)
            if isinstance(node, ast.expr | ast.stmt):
                self._nodes.setdefault(position_of(node), []).append(node)
            if isinstance(node, ast.Attribute):
                self._attributes[node.end_lineno, node.end_col_offset] = node
            elif isinstance(node, ast.Call):
                self._index_call(node)

    def _index_pattern(self, pattern: ast.pattern, subject: ast.expr | None) -> None:
        self._patterns[position_of(pattern)] = (pattern, subject)
        for part in ast.iter_child_nodes(pattern):
            if isinstance(part, ast.pattern):
                same = isinstance(pattern, ast.MatchAs | ast.MatchOr)
                self._index_pattern(part, subject if same else None)

    def pattern(self, position: Position, kind: type[Pattern]) -> tuple[Pattern | None, ast.expr | None]:
        """The pattern of this kind at ``position``, and what it is matched against, if that can be told."""
        pattern, subject = self._patterns.get(position, (None, None))
        return (pattern, subject) if isinstance(pattern, kind) else (None, None)

    def _index_call(self, node: ast.Call) -> None:
        self.called.add(node.func)
        if not isinstance(node.func, ast.Attribute):
            return
        # The compiler puts a method call that spans lines where the method's name stands.
        method = node.func
        line, end = method.end_lineno or 0, method.end_col_offset or 0
        if method.lineno != line:
            last = max(line, node.end_lineno or 0)
            for column in (node.end_col_offset, end):  # it depends on the version
                moved = (line, last, end - len(method.attr), column)
                self._nodes.setdefault(moved, []).append(node)

    def attribute(self, position: Position, name: str) -> ast.Attribute | None:
        """The attribute expression that an instruction at ``position`` reads or writes; ``name`` may be mangled."""
        node = self._attributes.get((position[1], position[3]))
        if node is None or not (name == node.attr or (name.startswith("_") and name.endswith(node.attr))):
            return None
        return node

    def node(self, position: Position, *kinds: type[Node]) -> Node | None:
        """The innermost node of one of these kinds at exactly ``position``."""
        for node in reversed(self._nodes.get(position, ())):
            if isinstance(node, kinds):
                return node
        return None

    def site(self, node: ast.expr | ast.pattern | ast.ImportFrom, function: str) -> Site:
        """Where ``node`` stands; ``function`` is the qualified name of the code that it is part of."""
        end_line = node.end_lineno or node.lineno
        return Site(
            self.name,
            node.lineno,
            self._characters(node.lineno, node.col_offset),
            end_line,
            self._characters(end_line, node.end_col_offset or 0),
            function,
            self._text(node),
        )

    def _text(self, node: ast.expr | ast.pattern | ast.ImportFrom) -> str:
        if node in self._in_strings:
            return ast.unparse(node)  # positions inside f-strings are unreliable before 3.12
        return " ".join(
            part.strip() for part in self._slice(node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)
        )

    def _slice(self, line: int, column: int, end_line: int | None, end_column: int | None) -> list[str]:
        part = [text.encode() for text in self._lines[line - 1 : end_line]]
        if not part:
            return []
        part[-1] = part[-1][:end_column]
        part[0] = part[0][column:]
        return [text.decode(errors="replace") for text in part]

    def _characters(self, line: int, column: int) -> int:
        if not 0 < line <= len(self._lines):
            return column
        text = self._lines[line - 1]
        return column if text.isascii() else len(text.encode()[:column].decode(errors="replace"))


def position_of(node: ast.expr | ast.stmt | ast.pattern) -> Position:
    """The position of ``node``, as instructions have it."""
    return (node.lineno, node.end_lineno, node.col_offset, node.end_col_offset)


def is_super(node: ast.expr) -> bool:
    """Whether ``node`` is ``super()``."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"


def is_fresh(node: ast.expr) -> bool:
    """Whether the value of ``node`` was just made, so that no other thread can have it."""
    if isinstance(node, ast.Call):
        function = node.func
        if isinstance(function, ast.Name):
            return function.id in effects.FRESH_FUNCTIONS and function.id not in effects.WRAPPERS
        return isinstance(function, ast.Attribute) and function.attr in effects.FRESH_METHODS
    return isinstance(node, ast.List | ast.Dict | ast.Set | ast.Tuple | ast.Constant | ast.JoinedStr | ast.ListComp)


_files: dict[str, SourceFile | None] = {}


def source_of(file: str, module_globals: dict[str, object] | None) -> SourceFile | None:
    """The parsed source of ``file`` (a ``co_filename``), None when there is none or it doesn't parse."""
    try:
        return _files[file]
    except KeyError:
        pass
    # linecache may know a "<string>", that of ``python -c``: code by that name need not come from there.
    lines = [] if file in ("<string>", "<stdin>") else linecache.getlines(file, module_globals)
    try:
        source = SourceFile(file, lines) if lines else None
    except (SyntaxError, ValueError, RecursionError):
        source = None
    if not file.startswith("<"):  # made-up names ("<string>") are used for many sources
        _files[file] = source
    return source


def forget() -> None:
    """No file is kept any longer."""
    _files.clear()


def function_name(qualname: str) -> str:
    """``co_qualname`` without comprehensions, which are functions in some versions only."""
    if "comp>" not in qualname:
        return qualname
    parts = [part for part in qualname.split(".") if part not in _INLINED]
    return ".".join(parts).removesuffix(".<locals>") or "<module>"
