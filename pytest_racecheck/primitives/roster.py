"""Looks at threads, all of them or one, that tell how far these are: others start and end meanwhile.

A loop may wait for that: ``while threading.active_count() > 1: pass``.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from pytest_racecheck.engine import current, real
from pytest_racecheck.engine.operation import POLL
from pytest_racecheck.primitives.thread import Started

if TYPE_CHECKING:
    from pytest_racecheck.engine.thread import ControlledThread

#: What a look at all of them is about, in reports.
_ALL: Final = "the list of threads"


def enumerate() -> list[threading.Thread]:  # noqa: A001
    """All threads that are alive."""
    me = _running()
    if me is None:
        return real.enumerate_threads()
    me.scheduler.point(me, "read", _ALL)
    return _seen(me, real.enumerate_threads())


def active_count() -> int:
    """How many threads are alive."""
    return len(enumerate())


def ident(self: threading.Thread) -> int | None:
    """`Thread.ident`, which is None until the thread has been started."""
    _look_at(self)
    return real.ident(self)


def native_id(self: threading.Thread) -> int | None:
    """`Thread.native_id`, which only the new thread itself can tell: waits for that, which it usually has done."""
    _look_at(self)
    while self._native_id is None and isinstance(self._started, Started) and self._started.is_set():  # type: ignore[attr-defined]
        real.sleep(0.0001)
    return real.native_id(self)


def represent(self: threading.Thread) -> str:
    """`Thread.__repr__`, which says whether the thread has been started, and whether it has ended."""
    _look_at(self)
    return real.thread_repr(self)


def _running() -> ControlledThread | None:
    """The controlled thread that calls, None for any other."""
    me = current.thread
    return None if me is None or me.ident != real.get_ident() or me.quiet else me


def _look_at(thread: threading.Thread) -> None:
    me = _running()
    target = me and me.scheduler.by_thread.get(id(thread))
    if me is not None and target is not me:
        me.scheduler.point(me, "read", target or thread)
        target = me.scheduler.by_thread.get(id(thread))
        me.state_hash = hash((me.state_hash, -1 if target is None else target.ended))
        me.scheduler.looked(me, POLL)


def _seen(me: ControlledThread, threads: list[threading.Thread]) -> list[threading.Thread]:
    by_thread = me.scheduler.by_thread
    me.state_hash = hash((me.state_hash, *(by_thread[id(each)].index for each in threads if id(each) in by_thread)))
    me.scheduler.looked(me, POLL)
    return threads
