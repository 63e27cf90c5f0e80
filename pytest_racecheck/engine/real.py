"""The originals of everything that the stand-ins replace.

Captured when this module is first imported, which is before anything is installed. The engine itself uses these
names and no others, so that it never schedules its own locks and clocks.
"""

from __future__ import annotations

import _thread
import os
import threading
import time
from _queue import SimpleQueue
from collections.abc import Callable

allocate_lock = _thread.allocate_lock
lock_type = _thread.LockType
rlock = _thread.RLock
get_ident = _thread.get_ident
get_native_id = threading.get_native_id
start_new_thread = _thread.start_new_thread
timeout_max = threading.TIMEOUT_MAX

thread_start = threading.Thread.start
thread_join = threading.Thread.join
thread_repr = threading.Thread.__repr__
enumerate_threads = threading.enumerate
ident: Callable[[threading.Thread], int | None] = vars(threading.Thread)["ident"].fget
native_id: Callable[[threading.Thread], int | None] = vars(threading.Thread)["native_id"].fget

sleep = time.sleep
monotonic = time.monotonic
monotonic_ns = time.monotonic_ns
perf_counter = time.perf_counter
perf_counter_ns = time.perf_counter_ns
time_ = time.time
time_ns = time.time_ns
clock_gettime_ns: Callable[[int], int] = getattr(time, "clock_gettime_ns", lambda _: 0)
localtime = time.localtime
gmtime = time.gmtime
ctime = time.ctime
asctime = time.asctime
strftime = time.strftime

# What the stand-ins for the file system and for waiting replace, as far as the engine needs it.
listdir = os.listdir
os_open = os.open
os_read = os.read
os_close = os.close

__all__ = [
    "SimpleQueue",
    "allocate_lock",
    "asctime",
    "clock_gettime_ns",
    "ctime",
    "enumerate_threads",
    "get_ident",
    "get_native_id",
    "gmtime",
    "ident",
    "listdir",
    "localtime",
    "lock_type",
    "monotonic",
    "monotonic_ns",
    "native_id",
    "os_close",
    "os_open",
    "os_read",
    "perf_counter",
    "perf_counter_ns",
    "rlock",
    "sleep",
    "start_new_thread",
    "strftime",
    "thread_join",
    "thread_repr",
    "thread_start",
    "time_",
    "time_ns",
    "timeout_max",
]
