"""Handlers of signals: they run in the main thread, wherever that is, also in the midst of what racecheck does.

So what they do is not controlled; and what they raise is raised where the test waits, not inside of racecheck.
"""

from __future__ import annotations

import _thread
import functools
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.engine import current, real

if TYPE_CHECKING:
    from types import FrameType

_PACKAGE: Final = Path(__file__).parents[1]
_ENGINE: Final = tuple(str(_PACKAGE / part) for part in ("engine", "primitives", "instrument", "strategy"))

#: What sends a signal, and whether that is SIGINT, to this process.
_SENDERS: Final[tuple[tuple[ModuleType, str, Callable[..., bool]], ...]] = (
    (_thread, "interrupt_main", lambda number=signal.SIGINT: number == signal.SIGINT),
    (signal, "raise_signal", lambda number: number == signal.SIGINT),
    (os, "kill", lambda pid, number: number == signal.SIGINT and pid == os.getpid()),
)

_signal: Final = signal.signal
_getsignal: Final = signal.getsignal


#: By the number of the signal, the handler that was there before the test set one: put back, it is what it was.
_before: Final[dict[int, Any]] = {}


class _Handler:
    """In place of a handler that the test installs."""

    def __init__(self, original: Callable[..., Any]) -> None:
        self.original = original

    def __call__(self, number: int, frame: FrameType | None) -> Any:
        holder = current.thread
        main = None if holder is None else holder.scheduler.main
        if main is None or main.ident != real.get_ident():
            return self.original(number, frame)
        main.quiet += 1
        try:
            return self.original(number, frame)
        except Exception as error:
            external = main.scheduler.external
            waits = holder is main and external.minding
            if waits or frame is None or not frame.f_code.co_filename.startswith(_ENGINE):
                raise
            main.scheduler.signals.raise_later(error, is_parked=holder is not main)
        finally:
            main.quiet -= 1


def _set(number: int, handler: Any, /) -> Any:
    if current.thread is not None and current.thread.ident == real.get_ident() and callable(handler):
        current.thread.scheduler.external.places.add("signals")  # they strike at any time, and no schedule says when
        before = _before.setdefault(number, _getsignal(number))
        if handler is not before and handler is not signal.default_int_handler:
            handler = _Handler(handler)
    return _bare(_signal(number, handler))


def _get(number: int, /) -> Any:
    return _bare(_getsignal(number))


def _bare(handler: Any) -> Any:
    return handler.original if isinstance(handler, _Handler) else handler


def _interrupting(original: Callable[..., Any], is_meant: Callable[..., bool]) -> Callable[..., Any]:
    """A function that may send this process SIGINT: an exception for the test's main thread, and nobody's Ctrl-C."""

    @functools.wraps(original)
    def send(*args: Any) -> Any:
        me = current.thread
        if me is None or me.ident != real.get_ident() or me.quiet or not is_meant(*args):
            return original(*args)
        scheduler = me.scheduler
        scheduler.external.places.add("signals")
        if me is scheduler.main or _getsignal(signal.SIGINT) is not signal.default_int_handler:
            return original(*args)
        scheduler.signals.announce()
        try:
            return original(*args)
        finally:
            scheduler.signals.wait_until_noticed()

    return send


def stand_ins() -> Iterator[tuple[ModuleType, str, Any]]:
    """The module, and the name of each function with its stand-in."""
    _before.clear()
    for module, name, is_meant in _SENDERS:
        yield module, name, _interrupting(getattr(module, name), is_meant)
    yield sys.modules["signal"], "signal", _set
    yield sys.modules["signal"], "getsignal", _get
