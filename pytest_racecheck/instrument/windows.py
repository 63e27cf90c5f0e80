"""Windows in operations that are one step otherwise: C code that calls back into Python.

``defaultdict`` looks for an item, calls its factory, then stores what it made, and ``cached_property`` does likewise;
``list.sort`` calls its key function while the list is empty; ``next`` lets a generator go on, which no other thread may
do meanwhile. Other threads can run when such code begins, or goes on, so it does that with a second access; and with a
third when it ends, right before the C code stores what came of it.
"""

from __future__ import annotations

import functools
import types
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Final

from pytest_racecheck.engine import real

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_racecheck.engine.operation import Access
    from pytest_racecheck.instrument.handlers import Handler, Listener

#: Makes a code object call :func:`entry` when it begins; set while an instrumentation is open.
watch: Callable[[CodeType], None] | None = None

#: By thread and address of the code: the access to tell of when the code begins.
_expected: Final[dict[tuple[int, int], tuple[Access, object, object]]] = {}

#: The same for when it ends, while it runs.
_running: Final[dict[tuple[int, int], tuple[Access, object, object]]] = {}


def announce(function: object, access: Access, owner: object, key: object) -> None:
    """``access`` begins, and ``function`` may be called before it has ended."""
    code = _code_of(function)
    if code is not None and watch is not None:
        _expected[real.get_ident(), id(code)] = access, owner, key
        watch(code)


def announce_next(iterator: object, access: Access) -> None:
    """``access`` makes ``iterator`` go on. If it is a generator, its code takes its time to come to the next yield."""
    if type(iterator) is types.GeneratorType and watch is not None:
        code = iterator.gi_code
        _expected[real.get_ident(), id(code)] = access, iterator, None
        watch(code)


def entry(number: int, first: Handler | None) -> Handler:
    """The handler for an instruction that the code at address ``number`` begins with; ``first``: what it had before."""

    def handler(frame: FrameType, listener: Listener) -> bool | None:
        running = real.get_ident(), number
        expected = _expected.pop(running, None)
        if expected is None:
            _running.pop(running, None)  # called by somebody else; what was left there ended with an exception
        else:
            _running[running] = expected
            access, owner, key = expected
            listener(access, owner, key, None)
        return first(frame, listener) if first is not None else None

    return handler


def end(number: int, last: Handler | None) -> Handler:
    """The handler for an instruction with which the code at address ``number`` returns, or yields."""

    def handler(frame: FrameType, listener: Listener) -> bool | None:
        runs_python = last(frame, listener) if last is not None else None
        running = _running.pop((real.get_ident(), number), None)
        if running is not None:
            access, owner, key = running
            listener(access, owner, key, None)
        return runs_python

    return handler


def leave_thread() -> None:
    """The calling thread expects nothing any longer.

    What it announced was not called if another thread had come before it; nor is it kept alive for that.
    """
    if _expected or _running:
        ident = real.get_ident()
        for table in (_expected, _running):
            for place in list(table):  # under stress, others change it meanwhile
                if place[0] == ident:
                    table.pop(place, None)


def close() -> None:
    """Nothing is expected any more."""
    global watch
    watch = None
    _expected.clear()
    _running.clear()


def _code_of(function: object) -> CodeType | None:
    if type(function) is functools.partial:
        function = function.func
    if type(function) is types.MethodType:
        function = function.__func__
    return function.__code__ if type(function) is types.FunctionType else None
