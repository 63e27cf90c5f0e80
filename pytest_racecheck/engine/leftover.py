"""Threads that can't be ended: they run nothing any longer, and nobody waits for them when the interpreter ends."""

from __future__ import annotations

import ctypes
import sys
import threading
from typing import Any, Final, Protocol

from pytest_racecheck.engine import older, real
from pytest_racecheck.stacks.cpu import computes

#: Held for good.
_NEVER: Final = real.allocate_lock()
_NEVER.acquire()

#: By identity: what the hash of a thread is changes when the stand-ins go.
_disowned: dict[int, threading.Thread] = {}


class Lost(Protocol):
    """A thread of a run, of whatever kind."""

    ident: int | None
    thread: threading.Thread | None


class _Park(BaseException):
    """The interpreter makes an instance of it in the thread that it is set in, and that thread never gets over that.

    So it stops wherever it runs Python code, also in a loop that catches every exception.
    """

    def __init__(self) -> None:
        _NEVER.acquire()


def let_go(lost: Lost) -> None:
    """``lost`` did not end when it was told to."""
    if lost.ident is not None:
        park(lost.ident)
    if lost.thread is not None:
        disown(lost.thread)


def park(ident: int) -> None:
    """Stops a thread for good, if it runs Python code, and takes from it what is in everybody's way."""
    if computes(ident):
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(_Park))
    older.free((ident,))


def disown(thread: threading.Thread) -> None:
    """Lets the interpreter end without waiting for the thread, as if it were a daemon."""
    _disowned[id(thread)] = thread
    names: Any = threading
    if hasattr(names, "_shutdown_locks"):  # up to 3.12
        names._shutdown_locks.discard(getattr(thread, "_tstate_lock", None))
    elif hasattr(names, "_thread_shutdown"):
        names._thread_shutdown = _wait_for_others
    pools = sys.modules.get("concurrent.futures.thread")
    if pools is not None:
        pools._threads_queues.pop(thread, None)


def is_disowned(thread: threading.Thread) -> bool:
    """Whether it is what is left of a test that is over."""
    return id(thread) in _disowned


def _wait_for_others() -> None:
    """What the interpreter does at its end, but for the threads that were let go."""
    for thread in real.enumerate_threads():
        if not thread.daemon and not is_disowned(thread) and thread is not threading.main_thread():
            real.thread_join(thread)
