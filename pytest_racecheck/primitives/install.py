"""Puts the stand-ins in place of the originals, and takes them away again.

Installed when the plugin is imported, so that locks made at module level by the code under test are ours. Modules that
were imported before and hold an original by name (``from threading import Lock``) are given the stand-in too.
"""

from __future__ import annotations

import _queue
import _thread
import sys
import threading
import time
from collections.abc import Iterator
from typing import Final

from pytest_racecheck.engine import older
from pytest_racecheck.primitives import channels, files, roster, selecting, thread, travel
from pytest_racecheck.primitives.lock import Lock
from pytest_racecheck.primitives.patches import Patches
from pytest_racecheck.primitives.rlock import RLock
from pytest_racecheck.primitives.simple_queue import SimpleQueue
from pytest_racecheck.primitives.thread import THREADS
from pytest_racecheck.primitives.virtual_time import FUNCTIONS

#: These schedule, measure or run the tests themselves and must keep the originals.
_OUR_OWN: Final = ("pytest_racecheck", "_pytest", "pytest", "pluggy", "xdist", "execnet", "hypothesis", "coverage")

#: Of the module `time`, as far as the system has them.
_TIMES: Final = (
    *("sleep", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "time", "time_ns"),
    *("clock_gettime", "clock_gettime_ns", "localtime", "gmtime", "ctime", "asctime", "strftime"),
)

_users = 0
_patches: Final = Patches()


def acquire() -> None:
    """Installs the stand-ins, unless they are: every call is to be matched by one of `release`."""
    global _users
    _users += 1
    if _users == 1:
        _install()


def release() -> bool:
    """Takes the stand-ins away when nobody needs them any longer; those in use keep working as what they stand for.

    Returns whether it did.
    """
    global _users
    _users -= 1
    if _users == 0:
        travel.forget()
        _patches.undo()
        calls = [call for _, call in files.stand_ins()]
        for functions in files.capabilities():
            functions.difference_update(calls)
    return _users == 0


def _install() -> None:
    older.forget()
    travel.watch({name: getattr(time, name) for name in _TIMES if hasattr(time, name)})
    stand_ins = {id(original): stand_in for original, stand_in in _functions()}
    for original, call in files.stand_ins():
        for functions in files.capabilities():
            if original in functions:
                functions.add(call)
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] not in _OUR_OWN and not name.startswith("pytest_"):
            _replace_in(module, stand_ins)
    if hasattr(threading, "_start_new_thread"):
        # Up to 3.12 Thread.start() calls it, and that is intercepted as a whole.
        _patches.put(threading, "_start_new_thread", thread.start_bootstrap)
    _patches.put(threading, "RLock", RLock)
    _patches.put(threading.Thread, "__hash__", thread.hashed)
    _patches.put(threading.Thread, "start", thread.start)
    _patches.put(threading.Thread, "join", thread.join)
    _patches.put(threading.Thread, "is_alive", thread.is_alive)
    _patches.put(threading.Thread, "ident", property(roster.ident))
    _patches.put(threading.Thread, "__repr__", roster.represent)
    if hasattr(threading.Thread, "native_id"):
        _patches.put(threading.Thread, "native_id", property(roster.native_id))
    for kind, select in selecting.stand_ins():
        _patches.put(kind, "select", select)


def _functions() -> Iterator[tuple[object, object]]:
    """Every function and type with its stand-in, to be found by identity wherever a module has it by name."""
    for lock in (_thread.allocate_lock, _thread.allocate, _thread.LockType, threading.Lock):
        yield lock, Lock
    yield _thread.RLock, RLock
    yield _thread.start_new_thread, THREADS.start_new_thread
    yield _thread.start_new, THREADS.start_new_thread
    yield _queue.SimpleQueue, SimpleQueue
    yield threading.enumerate, roster.enumerate
    yield threading.active_count, roster.active_count
    for name in _TIMES:
        if hasattr(time, name):
            yield getattr(time, name), getattr(FUNCTIONS, name)
    yield from files.stand_ins()
    yield from channels.stand_ins()


def _replace_in(module: object, stand_ins: dict[int, object]) -> None:
    for name, value in list(getattr(module, "__dict__", {}).items()):
        stand_in = stand_ins.get(id(value))
        if stand_in is not None:
            _patches.put(module, name, stand_in)
