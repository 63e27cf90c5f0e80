"""A controlled run that takes longer than its time: where its threads are, and how they are reached."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.engine import current, real
from pytest_racecheck.engine.errors import Unwind
from pytest_racecheck.engine.waiting import Waiting
from pytest_racecheck.engine.watchdog import WATCHDOG
from pytest_racecheck.stacks.collect import NOT_BEGUN, Hang, Known, collect
from pytest_racecheck.stacks.cpu import computes

if TYPE_CHECKING:
    from types import FrameType

    from pytest_racecheck.engine.scheduler import Scheduler
    from pytest_racecheck.engine.thread import ControlledThread

#: An exception raised in here would leave the scheduler in disorder; it looks for the end of the run itself.
_ENGINE: Final = str(Path(__file__).parent)

#: Signals that come so often raise once: clean-up code gets its chance. Signals that find pytest's own code at work
#: raise after so many.
_PATIENCE_UNWINDING: Final = 4
_PATIENCE_SUSPENDED: Final = 4


class ControlledRun:
    """The watchdog's `Target` for one run. ``hang``: where everything was when its time was over.

    ``raises``: what the main thread is interrupted by; in fixtures something that pytest knows how to deal with.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._signals = 0
        self.hang: Hang | None = None
        self.raises: type[BaseException] = Unwind

    def struck(self, found: dict[str, Any], why_not: str) -> None:
        """Looks at the threads, then gives the run up."""
        if self.hang is None:
            self.hang = collect(found, why_not, _known(self._scheduler), _others(self._scheduler))
        self._scheduler.give_up("hang")

    def interrupt(self, frame: FrameType | None) -> None:
        """Raises Unwind in the main thread, if that one runs; a main thread that is parked knows what to do."""
        main, holder = self._scheduler.main, current.thread
        if holder is not None and holder is not main:
            return
        if frame is not None and frame.f_code.co_filename.startswith(_ENGINE):
            return
        self._signals += 1
        patience = _PATIENCE_UNWINDING if main.unwinding else _PATIENCE_SUSPENDED if main.quiet else 1
        if self._signals >= patience:
            self._signals = 0
            main.unwinding = max(main.unwinding, 2)
            main.attention = True
            raise self.raises

    def nudge(self) -> None:
        """Reaches for the thread that runs, and passes no scheduling points because it computes."""
        holder, main = current.thread, self._scheduler.main
        if holder is None or holder is main:
            # Somebody took the signal: an exception that is set from outside is noticed by a thread that computes.
            if main.ident is not None and not WATCHDOG.handles_signals and not main.unwinding:
                _raise_in(main.ident)
        elif holder.ident is not None and computes(holder.ident):
            # If it can't be reached, the main thread, which waits for the baton, gives it up as lost.
            _raise_in(holder.ident)


def _raise_in(ident: int) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(Unwind))


def _known(scheduler: Scheduler) -> list[Known]:
    return [_describe(scheduler, each) for each in scheduler.threads if not each.ended and each.ident is not None]


def _others(scheduler: Scheduler) -> dict[int, str]:
    known = {each.ident for each in scheduler.threads}
    return {each.ident: each.name for each in real.enumerate_threads() if each.ident and each.ident not in known}


def _describe(scheduler: Scheduler, thread: ControlledThread) -> Known:
    name = thread.thread.name if thread.thread is not None else thread.name
    known = Known(thread.label, name, thread.function or "test", thread.ident or 0, holds=list(thread.held.items()))
    if isinstance(thread.waits, Waiting):
        known.place = thread.waits.place
        return known
    runs = thread is current.thread and thread.slot >= 0  # else it is blocked, and minds the world for all
    if runs or thread in scheduler.external.threads:
        return known  # it runs, or waits for something that the scheduler knows nothing of: see its stack
    if thread.slot >= 0:
        known.state = NOT_BEGUN if thread.kind == "begin" else "ready, waits for its turn"
        return known
    known.operation = thread.kind
    known.resource = thread.waits if thread.waits is not None else thread.resource
    if thread.kind == "sleep" or (thread.deadline is not None and thread.waits is None and thread.kind != "join"):
        known.state = "sleeping"
    elif thread.kind == "join":
        target = known.resource
        known.owner, known.resource = target.label, target.thread or target
    else:
        owner = getattr(known.resource, "owner", None)
        known.owner = "" if owner is None else owner.label
    return known
