"""A run under stress that takes longer than its time: where its threads are, and how they are reached."""

from __future__ import annotations

import ctypes
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.engine import real
from pytest_racecheck.engine.errors import Unwind
from pytest_racecheck.engine.watchdog import WATCHDOG
from pytest_racecheck.stacks.collect import Hang, Known, collect
from pytest_racecheck.stress.deadlocks import explain, lock_cycle
from pytest_racecheck.stress.run import LOST

if TYPE_CHECKING:
    from types import FrameType

    from pytest_racecheck.stress.run import StressRun
    from pytest_racecheck.stress.thread import StressThread

#: Code of ours looks for the end of the run itself.
_OURS: Final = str(Path(__file__).parent)

#: A thread that uses the processor is looked at for so many seconds.
COMPUTING_SECONDS: Final = 0.02

#: Signals that come while clean-up code runs raise once in so many.
_PATIENCE_UNWINDING: Final = 4


class StressedRun:
    """The watchdog's `Target` for one run. ``hang``: where everything was when its time was over."""

    def __init__(self, run: StressRun) -> None:
        self._run = run
        self._signals = 0
        self.hang: Hang | None = None

    def struck(self, found: dict[str, Any], why_not: str) -> None:
        """Looks at the threads, then gives the run up."""
        run = self._run
        cycle = lock_cycle(run)
        run.diagnosis = explain(run, cycle) if cycle else None
        known = [_describe(run, each) for each in run.threads if not each.ended and each.ident is not None]
        idents = {each.ident for each in run.threads}
        others = {each.ident: each.name for each in real.enumerate_threads() if each.ident and each.ident not in idents}
        self.hang = collect(found, why_not, known, others)
        run.over = run.over or ("hang" if run.diagnosis is None else "deadlock")

    def interrupt(self, frame: FrameType | None) -> None:
        """Raises Unwind in the main thread, unless that one looks for the end of the run itself."""
        main = self._run.main
        if main.waits is not None or (frame is not None and frame.f_code.co_filename.startswith(_OURS)):
            return
        self._signals += 1
        if not main.unwinding or self._signals % _PATIENCE_UNWINDING == 0:
            main.unwinding = max(main.unwinding, 1)
            raise Unwind

    def nudge(self) -> None:
        """Reaches for threads that pass no scheduling points because they compute."""
        main = self._run.main
        if not WATCHDOG.handles_signals and main.ident is not None and not main.unwinding:
            raise_in(main)
        for thread in left_over(self._run):
            raise_in(thread)


def left_over(run: StressRun) -> list[StressThread]:
    """The threads but the main one that have not ended, without those that were given up already."""
    gone = LOST.values()
    return [thread for thread in run.threads if thread is not run.main and not thread.ended and thread not in gone]


def raise_in(thread: StressThread) -> None:
    """Raises Unwind in another thread, if that one computes: one that blocks would not notice."""
    if thread.ident is not None and thread.waits is None and _computes(thread):
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Unwind))


def _computes(thread: StressThread) -> bool:
    """Whether a thread uses the processor at the moment, as far as the system tells.

    A traced thread of CPython 3.11 that is sent an exception while it blocks never goes on.
    """
    if sys.platform != "linux":
        return True
    # The clock of the thread with that number. To ask for that of a `pthread_t` would need a thread that has not ended.
    clock = ~thread.native_id << 3 | 6
    try:
        before = time.clock_gettime_ns(clock)
        real.sleep(COMPUTING_SECONDS)
        return time.clock_gettime_ns(clock) > before
    except OSError:
        return False  # it has ended


def _describe(run: StressRun, thread: StressThread) -> Known:
    name = thread.thread.name if thread.thread is not None else thread.name
    known = Known(thread.label, name, thread.function or "test", thread.ident or 0, holds=list(thread.held.items()))
    resource = thread.waits
    if thread.sleeps:
        known.state = "sleeping"
    elif resource is not None:
        owner = getattr(resource, "owner", None) or run.by_thread.get(id(resource))
        known.operation, known.resource = thread.kind, resource
        known.owner = "" if owner is None else owner.label
    return known
