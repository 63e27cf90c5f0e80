"""The time limit of an interleaving, in real seconds."""

from __future__ import annotations

import ctypes
import signal
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Final

from pytest_racecheck.engine import current, real
from pytest_racecheck.engine.errors import Unwind

if TYPE_CHECKING:
    from _thread import LockType

    from pytest_racecheck.engine.scheduler import Scheduler

#: Real seconds between two looks at the clock, and between two attempts to stop a run that is over its time.
INTERVAL: Final = 0.1

#: The main thread, when it is the one that runs, gets a signal at the first of so many attempts, and more rarely once
#: it is on its way out: a signal may strike anywhere, also in clean-up code.
ATTEMPTS_PER_SIGNAL: Final = 10
ATTEMPTS_UNWINDING: Final = 20


class Watchdog:
    """A thread, outside the scheduler's control, that ends runs which take too long. One for the process."""

    def __init__(self) -> None:
        #: Released to end the thread; each thread has one of its own, None while there is no thread.
        self._end: LockType | None = None
        self._deadline: float | None = None
        self._scheduler: Scheduler | None = None

    def arm(self, scheduler: Scheduler, seconds: float) -> None:
        """Starts the clock for a run."""
        self._scheduler = scheduler
        self._deadline = real.monotonic() + seconds
        if self._end is None:
            self._end = real.allocate_lock()
            self._end.acquire()
            real.start_new_thread(self._watch, (self._end,))

    def disarm(self) -> None:
        """The run is over."""
        self._deadline = None
        self._scheduler = None

    def stop(self) -> None:
        """The item is over: ends the thread, which is of no use to unmarked tests."""
        self.disarm()
        end, self._end = self._end, None
        if end is not None:
            end.release()

    def _watch(self, end: LockType) -> None:
        attempts = 0
        while not end.acquire(timeout=INTERVAL):
            deadline, scheduler = self._deadline, self._scheduler
            if deadline is None or scheduler is None or real.monotonic() < deadline:
                attempts = 0
                continue
            if attempts == 0:
                scheduler.hang_stacks = stacks(scheduler)
                scheduler.give_up("hang")
            else:
                _interrupt(scheduler, attempts)
            attempts += 1


def _interrupt(scheduler: Scheduler, attempts: int) -> None:
    """Reaches for a thread that passes no scheduling points: it computes, or blocks where only signals reach."""
    holder = current.thread
    main = scheduler.main
    if holder is not None and holder is not main:
        # The main thread, which waits for the baton, gives it up as lost if that is of no use.
        if holder.ident is not None and _computes(holder.ident):
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(holder.ident), ctypes.py_object(Unwind))
    elif attempts % (ATTEMPTS_UNWINDING if main.unwinding else ATTEMPTS_PER_SIGNAL) == 1:
        scheduler.signalled = True
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler and main.ident is not None:
            signal.pthread_kill(main.ident, signal.SIGINT)
        elif main.ident is not None:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(main.ident), ctypes.py_object(Unwind))


def _computes(ident: int) -> bool:
    """Whether a thread uses the processor at the moment, as far as the system tells.

    An exception that is set in a thread which blocks is of no use to it, and never lets a traced thread of CPython 3.11
    go on: its interpreter looks for pending exceptions before each instruction, for ever.
    """
    if not hasattr(time, "pthread_getcpuclockid"):
        return True
    clock = time.pthread_getcpuclockid(ident)
    before = time.clock_gettime_ns(clock)
    real.sleep(INTERVAL / 2)
    return time.clock_gettime_ns(clock) > before


def stacks(scheduler: Scheduler) -> str:
    """The stacks of all controlled threads that are alive, as text; the engine's own frames left out."""
    frames = sys._current_frames()
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    lines = []
    for thread in scheduler.threads:
        frame = frames.get(thread.ident) if thread.ident is not None and not thread.ended else None
        if frame is None:
            continue
        doing = "running" if thread is current.thread else "parked" if thread.slot >= 0 else f"blocked in {thread.kind}"
        lines.append(f"{thread.label} ({names.get(thread.ident, thread.name)}, {thread.function or 'test'}): {doing}")
        lines.extend(
            f"  {entry.filename}:{entry.lineno} in {entry.name}: {entry.line}"
            for entry in traceback.extract_stack(frame)
            if not any(part in entry.filename for part in ("pytest_racecheck", "_pytest", "pluggy"))
        )
    return "\n".join(lines)


WATCHDOG: Final = Watchdog()
