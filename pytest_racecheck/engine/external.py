"""Blocking that is not ours: the thread gives the baton up around it and queues for it afterwards."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from pytest_racecheck.engine import current, real
from pytest_racecheck.engine.errors import Unwind

if TYPE_CHECKING:
    from pytest_racecheck.engine.baton import Baton, Waitable
    from pytest_racecheck.engine.thread import ControlledThread

#: Real seconds between two looks for an interrupt while nothing but the outside world can go on.
SLICE: Final = 0.05


class External:
    """The threads of one run that wait for the outside world. While there are any, virtual time runs like real time."""

    def __init__(self, scheduler: Baton) -> None:
        self._scheduler = scheduler
        self.threads: set[ControlledThread] = set()
        #: Those that are back and want the baton; appended by themselves, without holding it.
        self.arrivals: deque[ControlledThread] = deque()
        #: What uncontrolled threads freed; appended by them.
        self.released: deque[Waitable] = deque()
        #: Where threads waited, for the report: such a run is only partly controlled.
        self.places: set[str] = set()
        #: All threads of the run are outside: the first to return takes the baton. Guarded, like the hand-over, by:
        self._vacant = False
        self._mutex = real.allocate_lock()
        self._arrival = real.allocate_lock()
        self._arrival.acquire()

    @property
    def count(self) -> int:
        """How many threads wait outside."""
        return len(self.threads)

    @contextmanager
    def blocking(self, me: ControlledThread, place: str) -> Iterator[None]:
        """Around a call that may block for reasons that the scheduler does not see. Raises Unwind if the run ended."""
        self.places.add(place)
        if me.unwinding or current.thread is not me:
            yield
            return
        scheduler = self._scheduler
        me.ops += 1
        began = real.monotonic_ns()
        scheduler.disable(me)
        # Nobody else can run, nor come back, nor wait for the clock: keep the baton, and the call costs nothing.
        alone = not (scheduler.ready or self.threads or self.arrivals or scheduler.clock.next_deadline() is not None)
        self.threads.add(me)
        if not alone:
            self._leave(me)
        try:
            yield
        finally:
            if alone:
                self.threads.discard(me)
                scheduler.enable(me)
                scheduler.clock.now += real.monotonic_ns() - began
            else:
                self._come_back(me)

    def tell(self, resource: Waitable) -> None:
        """A thread that nobody controls freed ``resource``. Called by that thread, which does not hold the baton."""
        self.released.append(resource)
        self.places.add("threads that are not controlled")
        self._wake_holder()

    def _wake_holder(self) -> None:
        holder = current.thread
        if holder is not None:
            holder.attention = True
        with suppress(RuntimeError):  # somebody else has just arrived as well: one wake-up is enough
            self._arrival.release()

    @property
    def news(self) -> bool:
        """Whether somebody is back, or something was freed, that `admit` has to deal with."""
        return bool(self.arrivals or self.released)

    def wait_for_release(self) -> bool:
        """Nobody can go on: gives uncontrolled threads some real time to free what is waited for. False if none did."""
        origin = self._scheduler.clock.origin
        if not _outsiders(self._scheduler):
            return False
        deadline = real.monotonic() + origin.outside_seconds
        while not self.news:
            rest = deadline - real.monotonic()
            if rest <= 0:
                origin.outside_seconds = SLICE / 10
                return False
            self._arrival.acquire(timeout=min(rest, SLICE))
            if self._scheduler.stuck is not None:
                return False
        return True

    def _leave(self, me: ControlledThread) -> None:
        scheduler = self._scheduler
        with self._mutex:
            self.admit()
            if not scheduler.pass_on(me):
                self._vacant = True
                current.thread = None

    def _come_back(self, me: ControlledThread) -> None:
        scheduler = self._scheduler
        with self._mutex:
            if self._vacant:
                self._vacant = False
                self.threads.discard(me)
                scheduler.enable(me)
                current.thread = me
                return
            self.arrivals.append(me)
        self._wake_holder()
        scheduler.park(me)
        if me.unwinding:
            raise Unwind

    def admit(self) -> None:
        """Enables those who are back, and those whose wait somebody ended. Called by the holder of the baton."""
        while self.released:
            self._scheduler.freed(self.released.popleft())
        while self.arrivals:
            thread = self.arrivals.popleft()
            self.threads.discard(thread)
            self._scheduler.enable(thread)

    def wait(self, deadline: int | None, me: ControlledThread) -> None:
        """Waits for an arrival or, in real time, for ``deadline`` on the virtual clock, one slice at the most."""
        clock = self._scheduler.clock
        began = real.monotonic_ns()
        seconds = SLICE if deadline is None else max(0.0, min(SLICE, (deadline - clock.now) / 1e9))
        self._arrival.acquire(timeout=seconds)
        clock.now += real.monotonic_ns() - began

    def abandon(self, thread: ControlledThread) -> None:
        """The run ends while ``thread`` is outside: it unwinds when it comes back."""
        self.threads.discard(thread)


#: Top-level modules whose threads serve the test runner: they free nothing that a test waits for.
_RUNNERS: Final = frozenset({"execnet", "xdist", "pytest_timeout", "coverage", "_pydevd_bundle", "debugpy", "pydevd"})


def _outsiders(scheduler: Baton) -> bool:
    """Whether threads are alive that are not controlled and might have to do with the test."""
    for thread in threading.enumerate():
        if id(thread) in scheduler.by_thread or isinstance(thread, threading._DummyThread):
            continue
        target = getattr(thread, "_target", None)
        module = getattr(target, "__module__", None) or type(thread).__module__
        if module.partition(".")[0] not in _RUNNERS:
            return True
    return False
