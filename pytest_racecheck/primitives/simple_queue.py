"""The stand-in for `queue.SimpleQueue`, which is written in C."""

from __future__ import annotations

import sys
from queue import Empty
from types import GenericAlias
from typing import TYPE_CHECKING, Any

from pytest_racecheck.engine import current, real
from pytest_racecheck.engine.operation import POLL
from pytest_racecheck.primitives.lock import TIMEOUT_MAX, nanoseconds
from pytest_racecheck.primitives.origin import Origin, origin_of

if TYPE_CHECKING:
    from pytest_racecheck.engine.thread import ControlledThread


class SimpleQueue:
    """An unbounded FIFO queue; the whole interface of the standard library's."""

    __class_getitem__: Any = classmethod(GenericAlias)

    def __init__(self) -> None:
        self.real: Any = real.SimpleQueue()
        self.waiters: list[ControlledThread] = []
        self.origin: Origin = origin_of(sys._getframe(1)) if current.thread is not None else Origin.outside
        self.user: ControlledThread | None = None

    def is_free(self) -> bool:
        """Whether a thread that is scheduled now gets an item."""
        return not self.real.empty()

    def _controlled(self) -> ControlledThread | None:
        me = current.thread
        if me is None or me.ident != real.get_ident() or me.quiet:
            return self._controlled() if current.strays and current.come_back() else None
        origin = self.origin
        if not origin.shared:
            origin.seen(self, me)
        return me

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Adds an item; never blocks."""
        me = self._controlled()
        if me is not None:
            scheduler = me.scheduler
            if self.origin.shared:
                scheduler.point(me, "put", self)
            else:
                scheduler.passing(me, "put", self)
            me.idle = me.naps = me.vain = 0
            self._touched(me)
            self.real.put(item)
            if self.waiters:
                scheduler.freed(self)
        else:
            self.real.put(item)
            if self.waiters:
                self.waiters[0].scheduler.external.tell(self)

    put_nowait = put

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Removes and returns the oldest item. Raises Empty if there is none at once or within ``timeout`` seconds."""
        me = self._controlled()
        if me is None:
            return self.real.get(block, timeout)
        if block and timeout is not None and timeout < 0:
            raise ValueError("'timeout' must be a non-negative number")
        if block and timeout is not None and timeout > TIMEOUT_MAX:
            raise OverflowError("timeout value is too large")
        scheduler = me.scheduler
        limit = (None if timeout is None else nanoseconds(timeout)) if block else 0
        if limit == 0:
            if self.origin.shared or me.idle > scheduler.patience:
                scheduler.point(me, "try-get", self)
            got = self.is_free()
        else:
            got = scheduler.obtain(me, self, "get", limit, self.origin.shared)
        self._touched(me)
        if not got:
            scheduler.looked(me, POLL)
            raise Empty
        me.idle = me.naps = me.vain = 0
        item = self.real.get(False)
        if self.waiters and self.real.empty():
            scheduler.taken(self)
        return item

    def get_nowait(self) -> Any:
        """Removes and returns the oldest item. Raises Empty if there is none."""
        return self.get(False)

    def empty(self) -> bool:
        """Whether the queue is empty at this moment."""
        self._look()
        return bool(self.real.empty())

    def qsize(self) -> int:
        """The number of items at this moment."""
        self._look()
        return int(self.real.qsize())

    def _look(self) -> None:
        me = self._controlled()
        if me is not None:
            if self.origin.shared or me.idle > me.scheduler.patience:
                me.scheduler.point(me, "read", self)
            self._touched(me)
            me.scheduler.looked(me, POLL)

    def _touched(self, me: ControlledThread) -> None:
        hashes = me.scheduler.hashes
        me.state_hash = hashes[self] = hash((me.state_hash, hashes.get(self, 0)))

    def abandon(self) -> None:
        """Forgets who waited, at the end of a run."""
        self.waiters.clear()
