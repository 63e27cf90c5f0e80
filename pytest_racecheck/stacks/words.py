"""What a thread does, in words: from its frames, native and Python ones, as py-spy tells them.

A thread that blocks does so in C. Which function of the interpreter or of a library that is tells most: `sock_recv`,
`time_sleep`, `PyThread_acquire_lock_timed`. Where py-spy could not look at native frames, the standard library's
Python frames have to do.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.detect.stacks import library_name

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Parts of names of native functions, and what a thread does that is in one of these; the first that occurs counts.
_NATIVE: Final = (
    ("take_gil", "waiting for the GIL"),
    ("SimpleQueue_get", "in SimpleQueue.get"),
    ("SemLock_acquire", "waiting for a lock of multiprocessing"),
    ("sock_recv", "in recv"),
    ("sock_accept", "in accept"),
    ("sock_send", "in send"),
    ("sock_connect", "in connect"),
    ("socket_getaddrinfo", "looking up a host name"),
    ("select_select", "in select"),
    ("select_poll", "in poll"),
    ("select_epoll", "in epoll"),
    ("os_waitpid", "waiting for a child process"),
    ("os_wait", "waiting for a child process"),
    ("fcntl_flock", "waiting for a file lock"),
    ("fcntl_lockf", "waiting for a file lock"),
    ("os_read", "in read"),
    ("os_write", "in write"),
    ("_io_FileIO_read", "in read"),
    ("time_sleep", "sleeping"),
    ("pysleep", "sleeping"),
    ("ThreadHandle_join", "waiting for a thread to end"),
    ("SemLock", "in a lock of multiprocessing"),
    ("sqlite3", "in SQLite"),
    ("rlock_acquire", "waiting for a lock"),
    ("acquire_lock", "waiting for a lock"),
    ("acquire_timed", "waiting for a lock"),
    ("ctypes_callproc", "in native code"),
)

#: What says less than the name of the library's function that does it, and what that name adds to.
_HOW: Final = ("waiting for a lock", "waiting for a thread to end")
_IN_WHAT: Final = ("sleeping", "in select", "in poll", "in epoll", "in read", "waiting for a child process")

#: A thread that wants the GIL waits for a condition variable; nothing else does that without being named.
_GIL: Final = "pthread_cond_timedwait"

#: Where threads do what is not theirs.
_ENGINE: Final = "/pytest_racecheck/engine/"

_ADDRESS: Final = re.compile(r"0x[0-9a-f]+")

#: Functions of the standard library in which its own threads wait for work; those of them that do so in others, since
#: what they call themselves is the work; and the one that a worker of a thread pool does its work in.
_IDLE: Final = frozenset(
    {
        ("concurrent/futures/thread.py", "_worker"),
        ("multiprocessing/pool.py", "worker"),
        ("multiprocessing/pool.py", "Pool._handle_workers"),
        ("multiprocessing/pool.py", "Pool._handle_tasks"),
        ("multiprocessing/pool.py", "Pool._handle_results"),
        ("multiprocessing/queues.py", "Queue._feed"),
        ("concurrent/futures/process.py", "_process_worker"),
        ("concurrent/futures/process.py", "_ExecutorManagerThread.run"),
        ("multiprocessing/managers.py", "Server.serve_forever"),
        ("multiprocessing/managers.py", "Server.accepter"),
    }
)

_WORKS: Final = frozenset({("multiprocessing/pool.py", "worker"), ("concurrent/futures/process.py", "_process_worker")})
_RUN_TASK: Final = ("concurrent/futures/thread.py", "_WorkItem.run")

_START: Final = frozenset({"Thread._bootstrap", "Thread._bootstrap_inner", "Thread.run", "BaseProcess._bootstrap"})

Frame = dict[str, Any]


def is_native(frame: Frame) -> bool:
    """Whether a frame of py-spy's is one of machine code."""
    return not frame["line"] or not str(frame["filename"]).endswith((".py", ">")) or bool(frame.get("module"))


def innermost_native(frames: Sequence[Frame]) -> list[str]:
    """The names of the native functions that the innermost Python function called, innermost first."""
    names = []
    for frame in frames:
        if not is_native(frame):
            break
        names.append(str(frame["name"]))
    return names


def state_of(thread: dict[str, Any]) -> str:
    """What a thread does, in a few words."""
    frames = thread["frames"]
    native = innermost_native(frames)
    doing = next((words for part, words in _NATIVE if any(part in name for name in native)), "")
    if [each for each in native if not _ADDRESS.fullmatch(each)] == [_GIL]:
        doing = "waiting for the GIL"
    if doing == "in native code":
        doing = _in_native_code(native)
    if doing == "in poll" and _ENGINE in next((each["filename"] for each in frames if not is_native(each)), ""):
        doing = "computing"  # between two steps of its own, it looks whether others have got what they wait for
    # Machine code that runs without giving up the GIL says so; one that waits in the system is named by its call.
    if not doing and (thread["active"] or thread["owns_gil"]):
        doing = "computing"
    if thread["owns_gil"] and native and doing != "computing":
        doing = f"{doing or _in_native_code(native)}, keeping the GIL"
    call = _library_call(frames)
    if not doing:
        doing = f"in {call}" if call else _in_native_code(native) if native else "waiting"
    elif call and doing in _HOW:
        doing = f"in {call}"
    elif call and doing in _IN_WHAT:
        doing = f"{doing}, in {call}"
    return doing


def waits_for_a_lock(thread: dict[str, Any]) -> bool:
    """Whether a thread is blocked in the acquisition of a lock; maybe, where nothing is known of machine code."""
    native = innermost_native(thread["frames"])
    if not native:
        return not thread["active"]
    doing = (words for part, words in _NATIVE if any(part in name for name in native))
    return next(doing, "") == "waiting for a lock"


def _in_native_code(native: list[str]) -> str:
    name = next((each for each in native if not _ADDRESS.fullmatch(each)), "")
    return f"in native code ({name})" if name else "in native code"


def _library_call(frames: Sequence[Frame]) -> str:
    """The function of the standard library that the reader's code has called, and that is not back yet."""
    call = ""
    for frame in frames:
        if is_native(frame) or "pytest_racecheck" in frame["filename"]:
            continue
        if library_name(frame["filename"]) is None or frame["name"] in _START:
            break
        call = str(frame["name"])
    return call


def is_idle(frames: Sequence[Frame]) -> bool:
    """Whether a thread of the standard library's waits for work: nothing of the reader's is on its stack."""
    python = [frame for frame in frames if not is_native(frame) and "pytest_racecheck" not in frame["filename"]]
    calls = [(library_name(frame["filename"]), str(frame["name"])) for frame in python]
    if not calls or calls[0] in _WORKS or _RUN_TASK in calls or not _IDLE.intersection(calls):
        return False
    begin = next((n for n, call in enumerate(calls) if call in _IDLE), 0)
    return all(name is not None for name, _ in calls[:begin])
