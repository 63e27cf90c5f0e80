"""A debugger that is entered from a controlled thread: while a person looks, nothing else moves.

At its prompt the thread is uncontrolled, so that what the debugger itself does is no part of the test; the others stay
parked, and virtual time stands still. A step that the person takes is the test's own and goes by the schedule: where it
blocks, the others run until it can go on.
"""

from __future__ import annotations

import bdb
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import FrameType
from typing import Any, Final

from pytest_racecheck.engine.places import is_users
from pytest_racecheck.engine.scheduler import Scheduler
from pytest_racecheck.instrument.registry import quiet
from pytest_racecheck.pytesting import private

_OURS: Final = "pytest_racecheck."

#: Calls all that a controlled thread does. When that is over, the others go on.
_LIFE: Final = Scheduler.live.__code__


def _still(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        with quiet():
            return function(*args, **kwargs)

    return run


def _is_for_us(frame: FrameType | None) -> bool:
    """Whether it is racecheck that called this, to look at a value, say, and not the test."""
    while frame is not None and not is_users(frame.f_code.co_filename):
        if str(frame.f_globals.get("__name__", "")).startswith(_OURS):
            return True
        frame = frame.f_back
    return False


def _end(debugger: Any) -> None:
    """What a step past the end of a thread leads to, where there is nothing to look at any more: the others go on."""
    leave = getattr(debugger, "do_continue", None)
    if leave is not None and debugger.stoplineno != -1:  # else that was asked for
        with quiet():
            leave("")


def started_still() -> AbstractContextManager[None]:
    """Inside, debuggers that tests enter start outside of the engine's control."""
    return private.debugger_start(_still)


def keep_still(debugger: Any) -> None:
    """Have ``debugger`` do its own work outside of the engine's control, if it is a ``bdb.Bdb`` of some kind."""
    if not isinstance(debugger, bdb.Bdb):
        return
    dispatch = _still(debugger.trace_dispatch)

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        if event == "opcode":  # on 3.11 racecheck's trace function had asked for these, instead of lines
            frame.f_trace_opcodes, frame.f_trace_lines = False, True
            return trace
        if event == "call" and _is_for_us(frame.f_back):
            return None
        following = dispatch(frame, event, arg)
        if event == "return" and frame.f_back is not None and frame.f_back.f_code is _LIFE:
            _end(debugger)
        return following

    debugger.trace_dispatch = trace  # type: ignore[method-assign]
    debugger.reset = _still(debugger.reset)  # type: ignore[method-assign]  # what its set_trace() does before it traces
    debugger.skip = {*(debugger.skip or ()), f"{_OURS}*"}  # a step into a lock goes over it
