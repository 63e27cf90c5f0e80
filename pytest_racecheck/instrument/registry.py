"""Every code object that was ever seen, with its plan: both outlive the item that they were first met in."""

from __future__ import annotations

import functools
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from pytest_racecheck.engine import current, real
from pytest_racecheck.instrument import source
from pytest_racecheck.instrument.plan import Plan, make_plan
from pytest_racecheck.instrument.scope import Scope, special_attributes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType, FrameType


class KnownCode:
    """One code object. Code objects are told apart by address: their own hash and equality go by content."""

    __slots__ = ("_plan", "_reference", "globals", "number")

    def __init__(self, code: CodeType, module_globals: dict[str, object]) -> None:
        self.number = id(code)
        self._reference = weakref.ref(code, functools.partial(_forget, self.number, known, dependents))
        self._plan: Plan | None = None
        #: Only what linecache needs to ask a module's loader for the source. pytest's own has none to give, and would
        #: keep its whole session alive, of which there are many where plugins are tested.
        self.globals: dict[str, object] = {
            name: module_globals[name] for name in ("__name__", "__loader__") if name in module_globals
        }
        if not hasattr(type(self.globals.get("__loader__")), "get_source"):
            self.globals.pop("__loader__", None)

    @property
    def code(self) -> CodeType | None:
        """The code object, None when it is gone."""
        return self._reference()

    @property
    def planned(self) -> bool:
        """Whether there is a plan already; making one takes a while."""
        return self._plan is not None

    def plan(self, code: CodeType) -> Plan:
        """The plan of the code object, made when it is first needed."""
        if self._plan is None:
            self._plan = _twin(code)
        if self._plan is None:
            with quiet():
                text = source.source_of(code.co_filename, self.globals)
                self._plan = make_plan(code, text, special_attributes(code))
            if _is_made_up(code):
                _twins[_content(code)] = self._plan
        return self._plan

    def begin(self, code: CodeType) -> Plan:
        """The plan of the code object, at the first start of the code in an item."""
        plan = self.plan(code)
        plan.patience.renew()
        return plan


#: Plans of code that has no file, by content: a doctest is compiled anew in each interleaving, and would forget what
#: was learnt of its accesses.
_twins: Final[dict[tuple[object, ...], Plan]] = {}
_MOST_TWINS: Final = 1_000


def _is_made_up(code: CodeType) -> bool:
    return code.co_filename.startswith("<") and code.co_name != "<module>"


def _twin(code: CodeType) -> Plan | None:
    if not _is_made_up(code):
        return None
    if len(_twins) > _MOST_TWINS:
        _twins.clear()
    plan = _twins.get(_content(code))
    return None if plan is None or plan.watched else plan


def _content(code: CodeType) -> tuple[object, ...]:
    """What tells code apart, without keeping it alive."""
    names = code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars
    return code.co_filename, code.co_qualname, code.co_firstlineno, code.co_code, code.co_linetable, *names


def _forget(
    number: int, codes: dict[int, KnownCode], tables: list[dict[int, object]], _reference: weakref.ref[CodeType]
) -> None:
    # Uses nothing but its arguments: code objects die after the globals of this module, at the interpreter's end.
    codes.pop(number, None)
    for table in tables:
        table.pop(number, None)


@contextmanager
def quiet() -> Iterator[None]:
    """Inside, stand-ins leave the calling thread alone: it reads a source file, say, which is no part of the test."""
    thread = current.thread
    if thread is None or thread.ident != real.get_ident():
        yield
        return
    thread.quiet += 1
    try:
        yield
    finally:
        thread.quiet -= 1


known: Final[dict[int, KnownCode]] = {}

#: Called when a thread of the item begins to import a module.
importing: Callable[[], None] | None = None

#: Other tables by the address of a code object, which lose an entry together with ``known``.
dependents: Final[list[dict[int, object]]] = []


def forget() -> None:
    """Nothing is explored any more: the parsed sources alone can be many times as large as all that the tests have."""
    known.clear()
    _twins.clear()
    source.forget()


def meet(code: CodeType, module_globals: dict[str, object]) -> KnownCode:
    """The entry of ``code``, whose functions have these globals."""
    entry = known.get(id(code))
    if entry is None:
        entry = known[id(code)] = KnownCode(code, module_globals)
    return entry


def wanted(code: CodeType, scope: Scope) -> bool:
    """Whether ``code`` is instrumented."""
    return scope.wants(code) or special_attributes(code) is not None


def is_import(code: CodeType, frame: FrameType) -> bool:
    """Whether ``frame``, which begins, is the body of a module that is just being imported.

    No other thread can be in it, and a thread that parked there would hold the import lock. How long it takes depends
    on the machine, and only the first interleaving has to wait for it.
    """
    if code.co_name != "<module>":
        return False
    specification = frame.f_globals.get("__spec__")
    if not getattr(specification, "_initializing", False):
        return False
    thread = current.thread
    if thread is not None and thread.ident == real.get_ident() and importing is not None:
        importing()
    return True
