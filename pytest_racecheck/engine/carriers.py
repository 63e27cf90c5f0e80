"""Threads of the system that outlive the controlled threads which they carry: one run after the other uses them again.

To start and to end a thread of the system takes longer than most tests take for all that they do in one. A carrier is
used again only if what it carried left nothing in it that the next one could find; otherwise it ends, as any thread.
"""

from __future__ import annotations

import _thread
import gc
import os
import sys
import threading
import weakref
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.engine import real

if TYPE_CHECKING:
    from pytest_racecheck.engine.thread import ControlledThread

# The test may have put something else in place of these.
_getpid, _stack_size, _count_references = os.getpid, _thread.stack_size, weakref.getweakrefcount
_gettrace, _getprofile = sys.gettrace, sys.getprofile
_get_asyncgen_hooks, _get_coroutine_depth = sys.get_asyncgen_hooks, sys.get_coroutine_origin_tracking_depth

#: Tests with more threads than this have the rest of them started by the system.
MOST: Final = 256


class Handle:
    """In place of what `threading.Thread` has from the system: stands for the one thread that a carrier carries."""

    __slots__ = ("_carrier", "_over", "ident")

    def __init__(self, carrier: Carrier) -> None:
        self._carrier: Carrier | None = carrier
        self._over = real.allocate_lock()
        self._over.acquire()
        self.ident = carrier.ident

    def is_done(self) -> bool:
        """Whether the thread has ended."""
        if self._over.locked():
            return False
        carrier = self._carrier
        return carrier is None or bool(carrier.system.is_done())

    def join(self, timeout: float | None = None) -> None:
        """Waits until it has, at most ``timeout`` seconds."""
        if self._over.locked() and self.ident == real.get_ident():
            raise RuntimeError("Cannot join current thread")
        if self._over.acquire(timeout=-1 if timeout is None else timeout):
            self._over.release()
            if self._carrier is not None:
                self._carrier.system.join(timeout)

    def finish(self, *, ends: bool) -> None:
        """The thread is over. ``ends``: and the carrier with it, by and by."""
        if not ends:
            self._carrier = None
        self._over.release()

    def _set_done(self) -> None:
        """What `threading` calls in the child of a fork, where the thread is not."""
        self._carrier = None
        if self._over.locked():
            self._over.release()


class Carrier:
    """A thread of the system, parked at its gate until it is given something to carry and handed the baton."""

    def __init__(self, carriers: Carriers, number: int) -> None:
        self.number = number
        self._carriers = carriers
        self._load: tuple[threading.Thread, Handle, ControlledThread] | None = None
        self.gate = real.allocate_lock()
        self.gate.acquire()
        self.ident = self.native_id = 0
        #: What local objects with a value for this thread refer to; None if that can't be told here.
        self._locals: Any = None
        begun = real.allocate_lock()
        begun.acquire()
        self.system: Any = _start(lambda: self._live(begun), daemon=True)
        begun.acquire()

    @property
    def is_usable(self) -> bool:
        """Whether it can tell if something is left in it."""
        return self._locals is not None

    def load(self, thread: threading.Thread, child: ControlledThread) -> None:
        """Carries ``thread`` from the moment on when ``child``, as which it is known, is handed the baton first."""
        handle = Handle(self)
        self._load = thread, handle, child
        child.gate, child.ident, child.native_id = self.gate, self.ident, self.native_id
        child.carried = handle
        child.quiet += 1  # until it lives
        attributes = vars(thread)
        attributes["_handle"] = handle
        attributes["_ident"], attributes["_native_id"] = self.ident, self.native_id
        names: Any = threading
        with names._active_limbo_lock:
            names._limbo[thread] = thread

    def end(self) -> None:
        """Ends it and waits for that. For one that is idle."""
        self.gate.release()
        self.system.join()

    def _live(self, begun: Any) -> None:
        self.ident, self.native_id = real.get_ident(), real.get_native_id()
        self._locals = _watched_by_locals()
        begun.release()
        try:
            while self._carry():
                pass
        finally:
            self._locals = None  # it tells local objects of the thread's end, and is to go then

    def _carry(self) -> bool:
        """Waits for a thread and carries it. Returns whether it can carry another one."""
        try:
            self.gate.acquire()
        except BaseException as late:  # noqa: BLE001 - set from outside, for a thread that has ended
            del late
        load, self._load = self._load, None
        if load is None:
            return False
        thread, handle, child = load
        again = False
        try:
            Context().run(thread._bootstrap)  # type: ignore[attr-defined]
            again = not child.unwinding and self._is_as_new()
        finally:
            del load, thread, child  # whoever has waited for the end of a thread may be the last to know it
            again = self._carriers.keep(self, again)
            handle.finish(ends=not again)
        return again

    def _is_as_new(self) -> bool:
        """Whether nothing is left of what it carried."""
        return (
            _count_references(self._locals) == 0
            and _gettrace() is None
            and _getprofile() is None
            and _get_asyncgen_hooks() == (None, None)
            and _get_coroutine_depth() == 0
        )


class Carriers:
    """Those of one item."""

    def __init__(self) -> None:
        #: Whether they carry anything; else they rest.
        self.are_used = True
        self._idle: list[Carrier] = []
        self._started = 0
        self._process = _getpid()
        self._stack_size = _size_of_stacks()
        #: How many the next run may need; None: none, as threads leave something in them each time.
        self._needed: int | None = 0 if CAN_BE else None

    def may_be_needed(self, threads: int) -> None:
        """A run has started so many ``threads``."""
        if self._needed is not None:
            self._needed = max(self._needed, min(threads, MOST))

    def prepare(self) -> None:
        """Starts those that are missing. Between runs: how many threads the system has does not change in a run.

        Which of them carries which thread, and so the identifiers of these, is then for the schedule to determine.
        """
        try:
            while self._needed is not None and len(self._idle) < self._needed:
                self._idle.append(Carrier(self, self._started))
                self._started += 1
        except RuntimeError:  # the system has no more to give; where the test gets none, it is told so itself
            self.abolish()
        if not all(each.is_usable for each in self._idle):
            self.abolish()
        self._idle.sort(key=_number)

    def take(self) -> Carrier | None:
        """One that is idle; None if the system has to start the thread."""
        idle, names = self._idle, threading
        if not idle or not self.are_used or _size_of_stacks() != self._stack_size:
            return None
        # The test may have put something else there, as one that can't start any more threads.
        return idle.pop() if names._start_joinable_thread is _start else None  # type: ignore[attr-defined]

    def keep(self, carrier: Carrier, is_as_new: bool) -> bool:
        """Called by a carrier at the end of what it carried. Returns whether it will be used again."""
        if not is_as_new:
            self._needed = None
        if self._needed is None or _getpid() != self._process:  # else the child of a fork would never end
            return False
        self._idle.append(carrier)
        return True

    @property
    def are_there(self) -> bool:
        """Whether threads of this item are carried."""
        return bool(self._needed)

    def abolish(self) -> None:
        """No thread of this item is carried any longer."""
        self._needed = None
        self.drop()

    def drop(self) -> None:
        """Ends those that are idle; `prepare` starts others."""
        while self._idle:
            carrier = self._idle.pop()
            if _getpid() == self._process:  # else they are not there, in the child of a fork
                carrier.end()


def _size_of_stacks() -> int:
    """Of threads that are started now, in bytes; 0 for the usual one. To ask for it sets it to that."""
    size = _stack_size()
    if size:
        _stack_size(size)
    return size


def _number(carrier: Carrier) -> int:
    return carrier.number


def _watched_by_locals() -> Any | None:
    """What every local object that has a value for the calling thread holds a weak reference to; None if unknown."""
    local: Any = _thread._local()
    local.known = True
    watches = [each for each in gc.get_referents(local) if type(each) is set and len(each) == 1]
    if len(watches) != 1:
        return None
    (reference,) = watches[0]
    watched = reference() if type(reference) is weakref.ref else None
    known = _count_references(watched) if watched is not None else 0
    del local, watches, reference
    return watched if known == 1 and _count_references(watched) == 0 else None


_start: Any = getattr(_thread, "start_joinable_thread", None)

#: Whether threads of this interpreter can be carried. What local objects have left in a thread can't be told up to
#: 3.12; on other versions, threads need other things to start.
CAN_BE: Final = sys.version_info[:2] == (3, 13)
