"""A phase of a test that nobody explores, while it has a time limit."""

from __future__ import annotations

import ctypes
import threading
from typing import TYPE_CHECKING, Any

from pytest_racecheck.engine import older
from pytest_racecheck.engine.leftover import disown, park
from pytest_racecheck.engine.watchdog import WATCHDOG
from pytest_racecheck.primitives.thread import function_name
from pytest_racecheck.stacks.collect import Hang, Known, collect

if TYPE_CHECKING:
    from types import FrameType


class TimedPhase:
    """The watchdog's `Target` for one phase. ``hang``: where everything was when its time was over.

    ``raises``: what ends the phase. In a test, nothing that an ``except Exception`` catches; in fixtures something
    that pytest knows how to deal with.
    """

    def __init__(self, raises: type[BaseException]) -> None:
        self._raises = raises
        self._before = set(threading.enumerate())
        self.hang: Hang | None = None

    def struck(self, found: dict[str, Any], why_not: str) -> None:
        """Looks at the threads; those that were not there before go down with the test."""
        alive = [each for each in threading.enumerate() if each.ident is not None]
        mine = [each for each in alive if each not in self._before or each is threading.main_thread()]
        labels = {each: "main" if each is threading.main_thread() else f"T{n}" for n, each in enumerate(mine)}
        known = [Known(labels[each], each.name, _function(each), each.ident or 0) for each in mine]
        others = {each.ident or 0: each.name for each in alive if each not in labels}
        self.hang = collect(found, why_not, known, others)

    def interrupt(self, frame: FrameType | None) -> None:
        """Raises in the main thread, wherever it is."""
        raise self._raises

    def nudge(self) -> None:
        """The test's threads can't be ended; but the main thread must not wait for them when it logs."""
        older.free([each.ident for each in self._left() if each.ident is not None])
        main = threading.main_thread()
        if not WATCHDOG.handles_signals and main.ident is not None:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(main.ident), ctypes.py_object(self._raises))

    def let_go(self) -> None:
        """The test's threads run nothing any longer, and nobody waits for them."""
        for thread in self._left():
            if thread.ident is not None:
                park(thread.ident)
            disown(thread)

    def _left(self) -> list[threading.Thread]:
        known = (*self._before, threading.main_thread())
        return [thread for thread in threading.enumerate() if thread not in known]


def _function(thread: threading.Thread) -> str:
    target = getattr(thread, "_target", None)
    return "test" if thread is threading.main_thread() else function_name(target) if target else type(thread).__name__
