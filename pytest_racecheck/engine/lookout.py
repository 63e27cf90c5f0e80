"""Notices when the thread that holds the baton blocks where the scheduler can't see it, and moves the baton on.

A thread of its own looks several times whether the holder got on. If it did not, uses no processor, and sleeps, by what
the system tells, it is blocked in a call that racecheck does not know. Where that is is remembered for as long as the
item runs: there, one look is enough from then on.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Final

from pytest_racecheck.engine import current, real, waiting
from pytest_racecheck.engine.places import is_users
from pytest_racecheck.report.files import short_file

if TYPE_CHECKING:
    from _thread import LockType
    from types import CodeType, FrameType

    from pytest_racecheck.engine.thread import ControlledThread

#: Real seconds between two looks, and once a place is known where threads block.
INTERVAL: Final = 0.010
KNOWN_INTERVAL: Final = 0.002

#: So many looks must find the holder where it was, all in all within 50 ms; where threads are known to block, one.
LOOKS: Final = 3

Place = tuple["CodeType", int]


class Lookout:
    """One for the process; at work between `open` and `close`, which frame an item."""

    def __init__(self) -> None:
        #: Released to end the thread.
        self._end: LockType | None = None
        self._known: set[Place] = set()
        self._last: tuple[ControlledThread, int, int] | None = None
        self._count = 0

    def open(self) -> None:
        """An item begins."""
        waiting.forget_children()
        if hasattr(time, "pthread_getcpuclockid"):
            self._end = real.allocate_lock()
            self._end.acquire()
            real.start_new_thread(self._watch, (self._end,))

    def close(self) -> None:
        """The item is over. Harmless when called twice."""
        end, self._end = self._end, None
        if end is not None:
            end.release()
        self._known.clear()
        self._last = None

    def _watch(self, end: LockType) -> None:
        while not end.acquire(timeout=KNOWN_INTERVAL if self._known else INTERVAL):
            holder = current.thread
            if holder is None or not _is_to_be_watched(holder):
                self._last = None
            else:
                self._look(holder)

    def _look(self, holder: ControlledThread) -> None:
        now = _state(holder)
        if now != self._last:
            self._last = now
            self._count = 0
            return
        self._count += 1
        frame = sys._current_frames().get(holder.ident or 0)
        if frame is None:
            return
        place = (frame.f_code, frame.f_lasti)
        looks = 1 if place in self._known else LOOKS * (INTERVAL / KNOWN_INTERVAL if self._known else 1)
        if self._count < looks or not waiting.is_asleep(_native_id(holder)):
            return
        if holder.scheduler.external.dispossess(holder, _describe(frame), lambda: _state(holder) == now):
            self._known.add(place)


def _is_to_be_watched(holder: ControlledThread) -> bool:
    """Whether it runs code of the test at the moment, as far as racecheck is concerned."""
    if not current.concurrent or holder.quiet or holder.ended or holder.ident is None or not holder.native_id:
        return False
    scheduler = holder.scheduler
    return scheduler.stuck is None and not scheduler.external.minding


def _state(holder: ControlledThread) -> tuple[ControlledThread, int, int]:
    """Something that changes with whatever the holder does."""
    clock = time.pthread_getcpuclockid(holder.ident or 0)
    return holder, holder.ops, time.clock_gettime_ns(clock)


def _native_id(holder: ControlledThread) -> int:
    return holder.native_id


def _describe(frame: FrameType) -> str:
    """Where it blocks, for the report."""
    innermost = frame.f_code.co_qualname
    user: FrameType | None = frame
    while user is not None and not is_users(user.f_code.co_filename):
        user = user.f_back
    if user is None:
        return innermost
    file = short_file(user.f_code.co_filename)
    return f"a call in {file}:{user.f_lineno}"


class _Fork:
    """The handlers around a fork. Those of others run as if there were no racecheck, in the child most of all."""

    def __init__(self) -> None:
        self._forking: ControlledThread | None = None

    def before(self) -> None:
        me = current.thread
        if me is not None and me.ident == real.get_ident():
            self._forking = me
            me.quiet += 1

    def in_parent(self) -> None:
        if self._forking is not None and self._forking.ident == real.get_ident():
            self._forking.quiet -= 1
            self._forking = None
        waiting.child_started()

    def in_child(self) -> None:
        """The other threads are gone, and nobody is controlled."""
        self._forking = None
        current.thread = None
        current.concurrent = False
        current.strays.clear()


LOOKOUT: Final = Lookout()

if hasattr(os, "register_at_fork"):
    _fork = _Fork()
    os.register_at_fork(before=_fork.before, after_in_parent=_fork.in_parent, after_in_child=_fork.in_child)
