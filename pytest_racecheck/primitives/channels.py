"""Pipes, sockets, child processes and file locks: what threads share with each other and with the world outside.

Every call is a scheduling point, on one resource for all of them. One that would block waits without blocking, for as
long as other controlled threads can go on, and then calls the original. So what two controlled threads say to each
other comes in an order that the schedule decides, and a run can be repeated.
"""

from __future__ import annotations

import _posixsubprocess
import fcntl
import functools
import os
import select
import stat
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.engine import current, real
from pytest_racecheck.engine.operation import POLL
from pytest_racecheck.engine.places import OWN, TUTORIAL

if TYPE_CHECKING:
    from types import FrameType

    from pytest_racecheck.engine.thread import ControlledThread

READABLE: Final = select.POLLIN | select.POLLPRI
WRITABLE: Final = select.POLLOUT

#: A pipe that is ready for writing takes so much at once.
_PIECE: Final = getattr(select, "PIPE_BUF", 512)


class Channels:
    """The resource."""

    name: Final = "the outside world"


CHANNELS: Final = Channels()


def controlled(*, alone: bool = False) -> ControlledThread | None:
    """The calling thread if it is controlled, and not the only one or ``alone``."""
    me = current.thread
    if me is None or me.ident != real.get_ident() or me.quiet:
        if not (current.strays and current.come_back()):
            return None
        me = current.thread
    return me if alone or current.concurrent else None


def touch(me: ControlledThread) -> None:
    """The scheduling point before a call."""
    scheduler = me.scheduler
    scheduler.point(me, "file", CHANNELS)
    hashes = scheduler.hashes
    me.state_hash = hashes[CHANNELS] = hash((me.state_hash, hashes.get(CHANNELS, 0)))


def acted(me: ControlledThread) -> None:
    """After a call that did something: others may find what they wait for."""
    me.idle = me.naps = me.vain = 0
    me.scheduler.external.poke()


def acting(place: str, original: Callable[..., Any]) -> Callable[..., Any]:
    """A method that does what ``original`` does to the world outside, as a scheduling point; it may block for real."""

    @functools.wraps(original)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        me = controlled()
        if me is None:
            return original(self, *args, **kwargs)
        touch(me)
        me.scheduler.external.places.add(place)
        try:
            return original(self, *args, **kwargs)
        finally:
            if (me := controlled()) is not None:  # it may have blocked, and lost the baton meanwhile
                acted(me)

    return call


#: The code of all that `acting` makes.
_ACTS: Final = acting("", len).__code__


def described(frame: FrameType | None) -> str:
    """What a thread in ``frame`` is about to do by one of these, as in "execute insert into t values(1)"."""
    while frame is not None and frame.f_code is not _ACTS:
        frame = frame.f_back
    if frame is None:
        return ""
    original, args = frame.f_locals["original"], frame.f_locals["args"]
    return " ".join([original.__name__, *(args[0].split() if args and type(args[0]) is str else ())])


def limit(seconds: float | None) -> int | None:
    """The scheduler's form of a time-out in seconds; None and negative ones stand for none."""
    return None if seconds is None or seconds < 0 else int(seconds * 1e9)


def wait(me: ControlledThread, descriptor: int, events: int, timeout: float | None, place: str) -> bool:
    """Waits until ``descriptor`` is ready, ``timeout`` seconds at the most. Returns whether it is."""
    return me.scheduler.external.ready(me, {descriptor: events}, limit(timeout), place)


def _kind(descriptor: Any) -> str | None:
    """What a blocking descriptor of a pipe, a socket or a terminal is called; None for any other."""
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISREG(mode) or stat.S_ISDIR(mode) or not os.get_blocking(descriptor):
            return None
    except (OSError, TypeError, ValueError, OverflowError):
        return None  # the original says best what is wrong with it
    return "a pipe" if stat.S_ISFIFO(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device"


def reads(me: ControlledThread, descriptor: int) -> None:
    """Before a read from ``descriptor``: a scheduling point; then waits until there is something."""
    kind = _kind(descriptor)
    if kind is not None:
        touch(me)
        wait(me, descriptor, READABLE, None, kind)


def writes(me: ControlledThread, descriptor: int, data: Any, write: Callable[[memoryview], int | None]) -> int | None:
    """Writes all of ``data`` in pieces that ``descriptor`` takes without blocking. Returns how much was written."""
    kind = _kind(descriptor)
    if kind is None:
        return write(data)
    touch(me)
    view = memoryview(data).cast("B")
    done = 0
    while True:
        wait(me, descriptor, WRITABLE, None, kind)
        try:
            piece = write(view[done : done + _PIECE])
        except OSError:
            if done:
                return done  # as the system does
            raise
        acted(me)
        done += piece or 0
        if done >= len(view) or not piece:
            return done


def _caller(depth: int = 2, *, alone: bool = False) -> ControlledThread | None:
    """As `controlled`, for functions that racecheck calls itself as well: what it does is no part of the test.

    ``depth``: how many frames up the caller is.
    """
    me = controlled(alone=alone)
    # The tutorial's programs are tests, too.
    caller = sys._getframe(depth).f_code.co_filename
    return None if me is not None and caller.startswith(OWN) and not caller.startswith(TUTORIAL) else me


class Calls:
    """The functions of `os`, `select` and `fcntl`; bound methods, as the originals are no descriptors either."""

    def read(self, *args: Any, **kwargs: Any) -> Any:
        """`os.read`."""
        return self._reading(_caller(), _REAL["read"], args, kwargs)

    def readv(self, *args: Any, **kwargs: Any) -> Any:
        """`os.readv`."""
        return self._reading(_caller(), _REAL["readv"], args, kwargs)

    def _reading(
        self,
        me: ControlledThread | None,
        original: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        if me is None or kwargs or not args:
            return original(*args, **kwargs)
        reads(me, args[0])
        found = original(*args)
        acted(me)
        return found

    def write(self, *args: Any, **kwargs: Any) -> Any:
        """`os.write`."""
        original = _REAL["write"]
        me = _caller()
        if me is None or kwargs or len(args) != 2:
            return original(*args, **kwargs)
        return writes(me, args[0], args[1], lambda piece: int(original(args[0], piece)))

    def close(self, *args: Any, **kwargs: Any) -> None:
        """`os.close`."""
        me = _caller()
        if me is None:
            _REAL["close"](*args, **kwargs)
            return
        touch(me)
        _REAL["close"](*args, **kwargs)
        acted(me)

    def waitpid(self, *args: Any, **kwargs: Any) -> Any:
        """`os.waitpid`."""
        return self._waiting("waitpid", 1, args, kwargs)

    def wait4(self, *args: Any, **kwargs: Any) -> Any:
        """`os.wait4`."""
        return self._waiting("wait4", 1, args, kwargs)

    def wait3(self, *args: Any, **kwargs: Any) -> Any:
        """`os.wait3`."""
        return self._waiting("wait3", 0, args, kwargs)

    def wait(self) -> Any:
        """`os.wait`."""
        return _REAL["wait"]() if _caller() is None else self._waiting("waitpid", 1, (-1, 0), {})

    def _waiting(self, name: str, place: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call whose argument at ``place`` may be WNOHANG."""
        original = _REAL[name]
        me = _caller(3)
        if me is None or kwargs or len(args) != place + 1:
            return original(*args, **kwargs)
        touch(me)
        external = me.scheduler.external
        if args[place] & os.WNOHANG:
            found = original(*args)
            if found[0] == 0:
                me.scheduler.looked(me, POLL)
            return found
        descriptor = _process(args[0]) if place else None
        if descriptor is not None:
            try:
                external.ready(me, {descriptor: READABLE}, None, "a child process")
            finally:
                real.os_close(descriptor)
            return original(*args)
        found = ()

        def attempt() -> bool:
            nonlocal found
            found = original(*args[:place], args[place] | os.WNOHANG)
            return bool(found[0])

        external.repeat(me, attempt, None, "a child process")
        return found

    def fork_exec(self, *args: Any) -> Any:
        """What `subprocess` starts a child with."""
        return self._starting("fork_exec", args, {})

    def posix_spawn(self, *args: Any, **kwargs: Any) -> Any:
        """`os.posix_spawn`."""
        return self._starting("posix_spawn", args, kwargs)

    def _starting(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        child = _REAL[name](*args, **kwargs)
        if current.thread is not None:
            from pytest_racecheck.engine.waiting import child_started

            child_started()
        return child

    def flock(self, *args: Any, **kwargs: Any) -> None:
        """`fcntl.flock`."""
        self._locking("flock", args, kwargs)

    def lockf(self, *args: Any, **kwargs: Any) -> None:
        """`fcntl.lockf`."""
        self._locking("lockf", args, kwargs)

    def _locking(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        original = _REAL[name]
        me = _caller(3)
        if me is None or kwargs or len(args) < 2:
            original(*args, **kwargs)
            return
        touch(me)
        external = me.scheduler.external
        if args[1] & (fcntl.LOCK_NB | fcntl.LOCK_UN):
            original(*args)
        else:

            def attempt() -> bool:
                try:
                    original(args[0], args[1] | fcntl.LOCK_NB, *args[2:])
                except (BlockingIOError, PermissionError):  # EAGAIN and EACCES say the same here
                    return False
                return True

            external.repeat(me, attempt, None, "a file lock")
        acted(me)

    def select(self, *args: Any, **kwargs: Any) -> Any:
        """`select.select`."""
        original = _REAL["select"]
        me = _caller(alone=True)
        if me is None or kwargs or not 3 <= len(args) <= 4:
            return original(*args, **kwargs)
        readers, writers, others = (list(each) for each in args[:3])
        timeout = args[3] if len(args) == 4 else None
        touch(me)
        found = original(readers, writers, others, 0)
        if any(found):
            return found
        if timeout is not None and timeout <= 0:
            me.scheduler.looked(me, POLL)
            return found
        descriptors: dict[int, int] = {}
        for things, events in ((readers, READABLE), (writers, WRITABLE), (others, select.POLLPRI)):
            for thing in things:
                number = thing if isinstance(thing, int) else thing.fileno()
                descriptors[number] = descriptors.get(number, 0) | events
        me.scheduler.external.ready(me, descriptors, limit(timeout), "select")
        return original(readers, writers, others, 0)


def _process(pid: Any) -> int | None:
    """A descriptor that becomes readable when the process ``pid`` ends."""
    if not isinstance(pid, int) or pid <= 0 or not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


_CALLS: Final = Calls()

_MODULES: Final = (
    (os, ("read", "readv", "write", "close", "waitpid", "wait4", "wait3", "wait", "posix_spawn")),
    (_posixsubprocess, ("fork_exec",)),
    (select, ("select",)),
    (fcntl, ("flock", "lockf")),
)

_REAL: Final[dict[str, Any]] = {
    name: getattr(module, name) for module, names in _MODULES for name in names if hasattr(module, name)
}


def stand_ins() -> Iterator[tuple[Callable[..., Any], Callable[..., Any]]]:
    """Every original with what takes its place."""
    for name, original in _REAL.items():
        yield original, getattr(_CALLS, name)
