"""The stand-in for `threading.RLock`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from pytest_racecheck.engine import current, real
from pytest_racecheck.primitives.lock import check_timeout, look, nanoseconds
from pytest_racecheck.primitives.origin import Origin, origin_of

if TYPE_CHECKING:
    from types import TracebackType

    from pytest_racecheck.engine.thread import ControlledThread


class RLock:
    """A lock that its owner may take again; `acquire`, `release` and ``with`` as in the standard library."""

    __module__ = "_thread"  # where some code (trio) looks whether a lock is the real thing
    __slots__ = ("__weakref__", "origin", "owner", "real", "user", "waiters")

    def __init__(self) -> None:
        self.real: Any = real.rlock()
        #: The controlled thread that holds it; None when it is free or an uncontrolled thread holds it.
        self.owner: ControlledThread | None = None
        self.waiters: list[ControlledThread] = []
        self.origin: Origin = origin_of(sys._getframe(1)) if current.thread is not None else Origin.outside
        self.user: ControlledThread | None = None

    def is_free(self) -> bool:
        """Whether a thread that is scheduled now gets it."""
        return self.owner is None

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Takes the lock once more; False if it could not be had at once (not blocking) or in ``timeout`` seconds."""
        me = current.thread
        if me is None or me.ident != real.get_ident() or me.quiet:
            if current.strays and current.come_back():
                return self.acquire(blocking, timeout)
            return bool(self.real.acquire(blocking, timeout))
        if not blocking or timeout != -1:
            check_timeout(blocking, timeout)
            self.origin.look()
            limit = nanoseconds(timeout) if blocking else 0
        else:
            limit = None
        return self._acquire(me, limit)

    def _acquire(self, me: ControlledThread, limit: int | None) -> bool:
        scheduler = me.scheduler
        if self.owner is me or (self.owner is None and self.real._is_owned()):
            # Its own already: nobody can notice how often.
            return bool(self.real.acquire())
        origin = self.origin
        if not origin.shared:
            origin.seen(self, me)
        if limit == 0:
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
                if self._wait_outside(me, limit):
                    return True
                if limit is not None:
                    break
        scheduler.failed(me, self)
        return False

    def _taken(self, me: ControlledThread) -> None:
        scheduler = me.scheduler
        self.owner = me
        observer = scheduler.observer
        me.held[self] = None if observer is None else observer.site
        if self.waiters:
            scheduler.taken(self)
        hashes = scheduler.hashes
        me.state_hash = hashes[self] = hash((me.state_hash, hashes.get(self, 0)))
        me.switchable = True

    def _wait_outside(self, me: ControlledThread, limit: int | None) -> bool:
        with me.scheduler.external.blocking(me, "an RLock held by a thread that is not controlled"):
            if not self.real.acquire(True, -1 if limit is None else limit / 1e9):
                return False
        if limit is None or self.owner is not None:
            self.real.release()
            return False
        self._taken(me)
        return True

    def release(self) -> None:
        """Gives the lock back once. Raises RuntimeError if the caller does not hold it."""
        me = current.thread
        if me is None or me.ident != real.get_ident() or me.quiet or self.owner is not me:
            self._release_outside()
            return
        if self.real._recursion_count() > 1:
            self.real.release()
            return
        try:
            self._before_release(me)
        finally:
            self._released(me)

    def _before_release(self, me: ControlledThread) -> None:
        if self.origin.observed and self.origin.shared:
            me.scheduler.point(me, "release", self)
        else:
            me.scheduler.passing(me, "release", self)

    def _released(self, me: ControlledThread) -> None:
        self.real.release()
        self.owner = None
        me.held.pop(self, None)
        if self.waiters:
            me.scheduler.freed(self)

    def _release_outside(self) -> None:
        """Releases without the scheduler, yet keeps the model right for a lock that was taken under control."""
        self.real.release()
        owner = self.owner
        if owner is not None and not self.real._is_owned():
            self.owner = None
            owner.held.pop(self, None)
            owner.scheduler.external.tell(self)

    def __enter__(self) -> bool:
        me = current.thread
        if me is None or me.ident != real.get_ident() or me.quiet:
            if current.strays and current.come_back():
                return self.acquire()
            return bool(self.real.acquire())
        return self._acquire(me, None)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    if sys.version_info >= (3, 14):

        def locked(self) -> bool:
            """Whether some thread holds the lock."""
            look(self)
            return bool(self.real.locked())

    # What `threading.Condition` asks of the lock below it.

    def _is_owned(self) -> bool:
        return bool(self.real._is_owned())

    def _recursion_count(self) -> int:
        return int(self.real._recursion_count())

    def _release_save(self) -> Any:
        me = self.owner
        if me is not None and me is current.thread and me.ident == real.get_ident() and not me.quiet:
            try:
                self._before_release(me)
            finally:
                state = self.real._release_save()
                self.owner = None
                me.held.pop(self, None)
                me.scheduler.freed(self)
            return state
        return self.real._release_save()

    def _acquire_restore(self, state: Any) -> None:
        me = current.thread
        if me is None or me.ident != real.get_ident() or me.quiet:
            self.real._acquire_restore(state)
            return
        self._acquire(me, None)
        # Held once now; the real lock takes the count back as a whole.
        self.real.release()
        self.real._acquire_restore(state)

    def _at_fork_reinit(self) -> None:
        self.real._at_fork_reinit()
        self.owner = None
        self.waiters = []

    def abandon(self) -> None:
        """Makes the lock free again at the end of a run that left it held by a thread which is gone."""
        owner = self.owner
        self.owner = None
        self.waiters.clear()
        if owner is not None:
            owner.held.pop(self, None)
            self.real._at_fork_reinit()

    def __reduce__(self) -> Any:
        raise TypeError("cannot pickle '_thread.RLock' object")

    def __repr__(self) -> str:
        look(self)
        shown = repr(self.real)
        return f"{shown[: shown.rindex(' at ')]} at {id(self):#x}>"
