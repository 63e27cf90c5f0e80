"""The stand-in for `threading.Lock`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NoReturn

from pytest_racecheck.engine import current, real
from pytest_racecheck.engine.errors import Unwind
from pytest_racecheck.engine.operation import POLL
from pytest_racecheck.primitives.origin import Origin, origin_of

if TYPE_CHECKING:
    from types import TracebackType

    from pytest_racecheck.engine.thread import ControlledThread
    from pytest_racecheck.primitives.rlock import RLock

#: Longest time-out, in seconds, that a real lock takes.
TIMEOUT_MAX = real.timeout_max


def nanoseconds(timeout: float) -> int | None:
    """The scheduler's form of a time-out in seconds, where -1 stands for none."""
    return None if timeout < 0 else int(timeout * 1_000_000_000)


def check_timeout(blocking: bool, timeout: float) -> None:
    """Raises what a real lock raises for arguments that it does not take."""
    if not blocking and timeout != -1:
        raise ValueError("can't specify a timeout for a non-blocking call")
    if timeout < 0 and timeout != -1:
        raise ValueError("timeout value must be a non-negative number")
    if timeout > TIMEOUT_MAX:
        raise OverflowError("timeout value is too large")


def look(lock: Lock | RLock) -> None:
    """Somebody is about to see whether ``lock`` is taken: an operation, in a controlled thread."""
    me = current.thread
    if me is None or me.ident != real.get_ident() or me.quiet:
        return
    origin = lock.origin
    origin.look()
    if not origin.shared:
        origin.seen(lock, me)
    if origin.shared or me.idle > me.scheduler.patience:
        me.scheduler.point(me, "read", lock)
    me.state_hash = hash((me.state_hash, me.scheduler.hashes.get(lock, 0), lock.owner is None))
    me.scheduler.looked(me, POLL)


class _LockType(type):
    """Lets ``isinstance(x, threading.Lock)`` hold for locks that are older than the stand-ins, as it would without."""

    def __instancecheck__(cls, instance: object) -> bool:
        return type.__instancecheck__(cls, instance) or isinstance(instance, real.lock_type)


class Lock(metaclass=_LockType):
    """A mutual exclusion lock; `acquire`, `release`, `locked` and ``with`` as in the standard library."""

    __module__ = "_thread"  # where some code (trio) looks whether a lock is the real thing
    __slots__ = ("__weakref__", "origin", "owner", "real", "user", "waiters")

    def __init__(self) -> None:
        self.real = real.allocate_lock()
        #: The controlled thread that holds it; None when it is free or an uncontrolled thread holds it.
        self.owner: ControlledThread | None = None
        self.waiters: list[ControlledThread] = []
        self.origin: Origin = origin_of(sys._getframe(1)) if current.thread is not None else Origin.outside
        self.user: ControlledThread | None = None

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("type '_thread.lock' is not an acceptable base type")

    def is_free(self) -> bool:
        """Whether a thread that is scheduled now gets it."""
        return self.owner is None

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Takes the lock; False if it could not be had at once (not blocking) or within ``timeout`` seconds."""
        me = current.thread
        if me is None or me.ident != real.get_ident() or me.quiet:
            if current.strays and current.come_back():
                return self.acquire(blocking, timeout)
            return self.real.acquire(blocking, timeout)
        if not blocking or timeout != -1:
            check_timeout(blocking, timeout)
            self.origin.look()
            limit = nanoseconds(timeout) if blocking else 0
        else:
            limit = None
        return self._acquire(me, limit)

    def _acquire(self, me: ControlledThread, limit: int | None) -> bool:
        scheduler = me.scheduler
        origin = self.origin
        if not origin.shared:
            origin.seen(self, me)
        if limit == 0:
            # An attempt can go on whether the lock is free or not, and which it is depends on the moment.
            if origin.shared or me.idle > scheduler.patience:
                scheduler.point(me, "try-acquire", self)
            if self.owner is None and self.real.acquire(False):
                self._taken(me)
                return True
        else:
            me.idle += 1  # a loop over nothing but a lock (``while queue.empty()``) waits for somebody else
            while scheduler.obtain(me, self, "acquire", limit, origin.shared or me.idle > scheduler.patience):
                if self.real.acquire(False):
                    self._taken(me)
                    return True
                # Free as far as the model goes: a thread that nobody controls holds it.
                if self._wait_outside(me, limit):
                    return True
                if limit is not None:
                    break
        scheduler.failed(me, self)
        return False

    def _taken(self, me: ControlledThread) -> None:
        scheduler = me.scheduler
        self.owner = me
        if not self.origin.private:
            observer = scheduler.observer
            me.held[self] = None if observer is None else observer.site
        if self.waiters:
            scheduler.taken(self)
        hashes = scheduler.hashes
        me.state_hash = hashes[self] = hash((me.state_hash, hashes.get(self, 0)))
        me.switchable = True

    def _wait_outside(self, me: ControlledThread, limit: int | None) -> bool:
        """Blocks for real, since only the real lock knows when an uncontrolled thread releases it.

        Returns whether the lock was taken; without a time-out never, for it has to be taken in turn then.
        """
        with me.scheduler.external.blocking(me, "a lock held by a thread that is not controlled"):
            if not self.real.acquire(True, -1 if limit is None else limit / 1e9):
                return False
        if limit is None or self.owner is not None:
            self.real.release()
            return False
        self._taken(me)
        return True

    def release(self) -> None:
        """Gives the lock back; any thread may. Raises RuntimeError if it is not locked."""
        me = current.thread
        if me is None or me.ident != real.get_ident() or me.quiet:
            self.real.release()
            owner = self.owner
            if owner is not None:
                # Taken under control, released outside of it.
                self.owner = None
                owner.held.pop(self, None)
                owner.scheduler.external.tell(self)
            return
        scheduler = me.scheduler
        if self.owner is not me and not self.origin.private:
            # It fails, or ends what another thread has begun: which of them depends on the moment.
            self.origin.look()
            if not self.origin.shared:
                self.origin.seen(self, me)
        try:
            if self.origin.observed and (self.origin.shared or self.origin.private):
                scheduler.point(me, "release", self)
            else:
                scheduler.passing(me, "release", self)
        except Unwind:
            # Clean-up code is about to run: it shall find what it would find without the tool.
            self._release(me)
            raise
        self._release(me)

    def _release(self, me: ControlledThread) -> None:
        self.real.release()
        owner = self.owner
        if owner is not None:
            scheduler = me.scheduler
            self.owner = None
            owner.held.pop(self, None)
            if owner is not me:
                me.idle = me.naps = me.vain = 0
                scheduler.hashes[self] = hash((me.state_hash, scheduler.hashes.get(self, 0)))
            if self.waiters:
                scheduler.freed(self)

    def locked(self) -> bool:
        """Whether some thread holds the lock."""
        look(self)
        return self.real.locked()

    # The spellings of the Python 2 era are still there in 3.13.
    acquire_lock = acquire
    release_lock = release
    locked_lock = locked

    def __enter__(self) -> bool:
        me = current.thread
        if me is None or me.ident != real.get_ident() or me.quiet:
            if current.strays and current.come_back():
                return self.acquire()
            return self.real.acquire()
        return self._acquire(me, None)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _at_fork_reinit(self) -> None:
        self.real._at_fork_reinit()  # type: ignore[attr-defined]
        self.owner = None
        self.waiters = []

    def _is_owned(self) -> bool:
        """For `threading.Condition`, which otherwise tries to take the lock only to see whether somebody holds it."""
        return self.real.locked()

    def abandon(self) -> None:
        """Releases the lock for good at the end of a run that left it held."""
        owner = self.owner
        self.owner = None
        self.waiters.clear()
        if owner is not None:
            owner.held.pop(self, None)
            self.real.release()

    def __reduce__(self) -> Any:
        raise TypeError("cannot pickle '_thread.lock' object")

    def __repr__(self) -> str:
        return f"<{'locked' if self.locked() else 'unlocked'} _thread.lock object at {id(self):#x}>"
