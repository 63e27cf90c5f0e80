"""What a thread waits for outside of the scheduler's control: something that is there or not, and can be looked at."""

from __future__ import annotations

import fcntl
import os
import select
import stat
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from pytest_racecheck.engine import real

if TYPE_CHECKING:
    from pytest_racecheck.engine.thread import ControlledThread

_OWN_DESCRIPTORS: Final = "/proc/self/fd"
_OWN_TASKS: Final = "/proc/self/task"

#: Children that were there before the item: they have nothing to do with it.
_before: frozenset[int] = frozenset()

#: Nanoseconds for which a look for children that found none counts, unless one is started.
_LOOK_COUNTS: Final = 5_000_000
_none_until = 0


class Waiting:
    """One wait, as a resource of the scheduler: free when it is worth a try.

    ``descriptors``: what is waited for is one of these, each with the events of ``select.poll``; None: only another try
    can tell. ``due``: it is time for one.
    """

    __slots__ = ("descriptors", "due", "place", "waiters")

    def __init__(self, descriptors: dict[int, int] | None, place: str) -> None:
        self.descriptors = descriptors
        self.place = place
        self.due = True
        self.waiters: list[ControlledThread] = []

    def is_free(self) -> bool:
        """Whether the thread that waits may find what it waits for."""
        return self.due if self.descriptors is None else bool(poll((self,), 0))

    def from_a_child(self) -> bool:
        """Whether it is for another process of this test to act, and for no thread of this one."""
        descriptors = self.descriptors
        return descriptors is not None and children() and all(map(_is_from_a_child, descriptors))

    def is_prompt(self) -> bool:
        """Whether what one thread sends to another is there as soon as it has been sent."""
        return self.descriptors is not None and all(map(_is_prompt, self.descriptors))

    def is_open(self) -> bool:
        """Whether others than this process and its children can act."""
        return self.descriptors is not None and any(map(_is_open, self.descriptors))


def poll(waits: Sequence[Waiting], seconds: float) -> list[tuple[int, int]]:
    """Blocks for real until one of the descriptors of ``waits`` is ready; those that are not open count as ready."""
    poller = select.poll()
    wanted: dict[int, int] = {}
    for wait in waits:
        for descriptor, events in (wait.descriptors or {}).items():
            wanted[descriptor] = wanted.get(descriptor, 0) | events
    for descriptor, events in wanted.items():
        poller.register(descriptor, events)
    return poller.poll(seconds * 1000)


def forget_children() -> None:
    """An item begins: what runs now is none of its children."""
    global _before
    _before = frozenset(_children())


def child_started() -> None:
    """There may be one more from now on."""
    global _none_until
    _none_until = 0


def children() -> bool:
    """Whether processes that the item started are running, as far as the system tells."""
    global _none_until
    now = real.monotonic_ns()
    if now < _none_until or not hasattr(os, "waitid"):
        return False
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        found = any(pid not in _before and _runs(pid) for pid in _children())
    except ChildProcessError:
        found = False
    if not found:
        _none_until = now + _LOOK_COUNTS
    return found


def busy_children() -> bool:
    """Whether one of them computes, or would if it had a processor: it may well answer as soon as it has done so."""
    return any(pid not in _before and _state(pid) in (b"R", b"D") for pid in _children())


def _children() -> Iterator[int]:
    try:
        tasks = real.listdir(_OWN_TASKS)
    except OSError:
        return
    for task in tasks:
        yield from map(int, _content(f"{_OWN_TASKS}/{task}/children").split())


def _runs(pid: int) -> bool:
    if _state(pid) in (b"", b"Z", b"X"):
        return False
    # multiprocessing starts one for the rest of the session, which does nothing for the test.
    return b"multiprocessing.resource_tracker" not in _content(f"/proc/{pid}/cmdline")


def _state(task: int | str) -> bytes:
    """The letter that /proc has for what a process or, as a path below it, a thread does; empty when it is gone."""
    return b"".join(_content(f"/proc/{task}/stat").rpartition(b")")[2].split()[:1])


def _content(path: str) -> bytes:
    """A short file of /proc, read without any of the stand-ins; empty when it is gone."""
    try:
        descriptor = real.os_open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return real.os_read(descriptor, 65536)
    except OSError:
        return b""
    finally:
        real.os_close(descriptor)


def is_asleep(native_id: int) -> bool:
    """Whether a thread of this process sleeps in the kernel, as far as the system tells."""
    return _state(f"self/task/{native_id}") in (b"S", b"D")


def _is_from_a_child(descriptor: int) -> bool:
    """A pipe whose other end is not open in this process, or something that is neither a pipe nor a socket."""
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISFIFO(status.st_mode):
            return not stat.S_ISSOCK(status.st_mode)
        mode = _mode(descriptor)
        others = [int(name) for name in real.listdir(_OWN_DESCRIPTORS)]
    except OSError:
        return False
    return not any(_is_other_end(other, status, mode) for other in others)


def _is_other_end(descriptor: int, pipe: os.stat_result, mode: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), pipe) and _mode(descriptor) != mode
    except OSError:
        return False


def _mode(descriptor: int) -> int:
    return fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE


def _is_open(descriptor: int) -> bool:
    try:
        mode = os.fstat(descriptor).st_mode
        return _is_remote(descriptor) if stat.S_ISSOCK(mode) else not stat.S_ISFIFO(mode)
    except OSError:
        return False


def _is_prompt(descriptor: int) -> bool:
    try:
        mode = os.fstat(descriptor).st_mode
        return stat.S_ISFIFO(mode) or (stat.S_ISSOCK(mode) and _partner(descriptor) is None)
    except OSError:
        return True


def _is_remote(descriptor: int) -> bool:
    """Whether a socket leads to, or is open for, another machine. One that listens on all addresses counts as local."""
    name = _partner(descriptor)
    if name is None:
        return False
    return not isinstance(name, tuple) or not (
        str(name[0]).startswith(("127.", "::ffff:127.")) or name[0] in ("::1", "0.0.0.0", "::")
    )


def _partner(descriptor: int) -> object:
    """The address of the other side of a socket, its own if it has none; None for sockets inside of this machine."""
    import _socket  # loaded already where there is a socket; the type below those that have stand-ins

    twin = _socket.socket(fileno=os.dup(descriptor))
    try:
        if twin.family == getattr(_socket, "AF_UNIX", None):
            return None
        try:
            return twin.getpeername()
        except OSError:
            return twin.getsockname()
    finally:
        twin.close()
