"""What planning one code object needs: its source, its variables, and the accesses made so far."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from pytest_racecheck.engine.operation import Access, Site
from pytest_racecheck.instrument.bytecode import Instruction
from pytest_racecheck.instrument.paths import Paths
from pytest_racecheck.instrument.source import SourceFile, function_name
from pytest_racecheck.instrument.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType

    from pytest_racecheck.instrument.effects import AccessKind
    from pytest_racecheck.instrument.patience import Patience

#: What an access belongs to: an expression of the source, or an instruction where there is no source.
Place = ast.expr | ast.pattern | ast.ImportFrom | Instruction


class Accesses:
    """Makes the accesses of one code object, each once. Handlers keep it, so it holds no reference to the code."""

    def __init__(self, code: CodeType, source: SourceFile | None) -> None:
        self._file = code.co_filename
        self._function = function_name(code.co_qualname)
        self._source = source
        self._accesses: dict[tuple[object, str, str, bool], Access] = {}
        self._sites: dict[object, Site] = {}

    def get(self, place: Place, kind: AccessKind, name: str, container: bool = False) -> Access:
        """The access of this kind and name at ``place``; the same object for instructions that were duplicated."""
        key = place.position if isinstance(place, Instruction) else place
        access = self._accesses.get((key, kind, name, container))
        if access is None:
            access = Access(self._site(place), kind, name, container)
            self._accesses[key, kind, name, container] = access
        return access

    def __iter__(self) -> Iterator[Access]:
        return iter(self._accesses.values())

    def _site(self, place: Place) -> Site:
        key = place.position if isinstance(place, Instruction) else place
        site = self._sites.get(key)
        if site is None:
            if isinstance(place, Instruction):
                line, end_line, column, end_column = (0 if part is None else part for part in place.position)
                site = Site(self._file, line, column, end_line, end_column, self._function, "")
            else:
                assert self._source is not None
                site = self._source.site(place, self._function)
            self._sites[key] = site
        return site


class Context:
    """Where planning stands. Lives while a plan is made, no longer."""

    def __init__(self, code: CodeType, source: SourceFile | None, accesses: Accesses, patience: Patience) -> None:
        self.code = code
        self.patience = patience
        self.paths = Paths(code, source.variables if source is not None else None)
        self.stack = Stack(code)
        self.accesses = accesses
        #: The last instruction that pushed something.
        self.before: Instruction | None = None
        #: How often an instruction of one expression was met: comprehensions and chained comparisons have several.
        self._met: dict[tuple[ast.AST, str], int] = {}
        #: The comprehension or generator expression that the code is, once that is known.
        self.own: ast.expr | None = None
        #: The same, where all loops of the code are its own.
        self.comprehension: ast.expr | None = None
        #: The next loop is the outermost of a comprehension that is a function.
        self.hidden_loop = code.co_name in ("<genexpr>", "<listcomp>", "<setcomp>", "<dictcomp>")

    def count(self, node: ast.AST, what: str = "") -> int:
        """How often this was asked for ``node`` before."""
        number = self._met.get((node, what), 0)
        self._met[node, what] = number + 1
        return number
