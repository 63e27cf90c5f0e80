"""Threads that wait for something outside of the scheduler's control, and lost the baton, or gave it up, for that.

Two kinds: most calls that may block are known, and their stand-ins wait here without blocking for real, as long as
others can go on (`External.until`; see :mod:`pytest_racecheck.engine.waiting`). The others do block: some say so
(`External.blocking`), some are found out (:mod:`pytest_racecheck.engine.lookout`). While there is any of either kind,
virtual time runs like real time, unless nobody outside can have to do with it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from pytest_racecheck.engine import current, real, waiting
from pytest_racecheck.engine.errors import Unwind
from pytest_racecheck.engine.leftover import is_disowned
from pytest_racecheck.engine.waiting import Waiting

if TYPE_CHECKING:
    from pytest_racecheck.engine.baton import Baton, Waitable
    from pytest_racecheck.engine.thread import ControlledThread

#: Real seconds between two looks for an interrupt while nothing but the outside world can go on.
SLICE: Final = 0.05

#: The same while it has to be found out by looking again and again.
LOOK: Final = 0.002

#: The same while the system tells when something is there, yet not when a thread that nobody controls acts.
POLL: Final = 0.005

#: Real seconds that a child process is given to answer, with the baton held, so that the next run goes the same way.
PATIENCE: Final = 0.05

#: The same for all waits of a run together, while the child does not wait itself: on a busy machine it takes longer.
PATIENCE_WITH_BUSY: Final = 2.0

#: Real seconds in which a thread whose call has returned asks for the baton: time enough to take the GIL.
SETTLING: Final = 0.00005

#: Before the clock jumps, what was sent to a thread has that part of the time to arrive, within limits (in seconds).
GRACE: Final = 1 / 200
LEAST_GRACE: Final = 0.001
MOST_GRACE: Final = 0.05

#: After its run is over, clean-up code may touch so many things that racecheck watches before it is unwound again.
UNWINDING_CONTACTS: Final = 1_000


class External:
    """The threads of one run that wait for the outside world."""

    def __init__(self, scheduler: Baton) -> None:
        self._scheduler = scheduler
        #: Those that block for real.
        self.threads: set[ControlledThread] = set()
        #: What the others wait for, without blocking.
        self.pending: list[Waiting] = []
        #: Those that are back and want the baton; appended by themselves, without holding it.
        self.arrivals: deque[ControlledThread] = deque()
        #: What uncontrolled threads freed; appended by them.
        self.released: deque[Waitable] = deque()
        #: Where threads waited, for the report: such a run is only partly controlled.
        self.places: set[str] = set()
        #: How often the baton was taken away from a thread that blocked without telling.
        self.taken = 0
        #: The holder of the baton waits here, on behalf of all.
        self.minding = False
        self._patience = PATIENCE_WITH_BUSY
        #: All threads of the run are outside: the first to return takes the baton. Guarded, like the hand-over, by:
        self._vacant = False
        self._mutex = real.allocate_lock()
        self._arrival = real.allocate_lock()
        self._arrival.acquire()

    @property
    def count(self) -> int:
        """How many threads wait outside."""
        return len(self.threads) + len(self.pending)

    # ------------------------------------------------------------------ without blocking

    def until(self, me: ControlledThread, what: Waiting, timeout: int | None) -> bool:
        """Waits until ``what`` is worth a try, at most ``timeout`` nanoseconds of virtual time (None: for good).

        Returns whether it is. Raises Unwind if the run ended.
        """
        self.pending.append(what)
        try:
            if timeout != 0 and not me.unwinding and not what.is_free() and what.from_a_child():
                self._give_a_child_time(what)
            return me.scheduler.obtain(me, what, "block", timeout, False)
        finally:
            self.pending.remove(what)

    def _give_a_child_time(self, what: Waiting) -> None:
        while not self._mind([what], PATIENCE) and self._patience > 0 and waiting.busy_children():
            self._patience -= PATIENCE

    def ready(self, me: ControlledThread, descriptors: dict[int, int], timeout: int | None, place: str) -> bool:
        """Waits until one of ``descriptors``, each with the events of ``select.poll``, is ready.

        At most ``timeout`` nanoseconds of virtual time (None: for good). Returns whether one is.
        """
        if current.concurrent:
            self.places.add(place)
        what = Waiting(descriptors, place)
        clock = self._scheduler.clock
        deadline = None if timeout is None else clock.now + timeout
        while not self.until(me, what, timeout):
            if deadline is not None and clock.now >= deadline:
                return False
            timeout = None if deadline is None else deadline - clock.now
        return True

    def repeat(self, me: ControlledThread, attempt: Callable[[], bool], timeout: int | None, place: str) -> bool:
        """Calls ``attempt``, which must not block, until it returns True, at most ``timeout`` nanoseconds.

        Returns whether it did.
        """
        self.places.add(place)
        clock = self._scheduler.clock
        deadline = None if timeout is None else clock.now + timeout
        what = Waiting(None, place)
        while not attempt():
            if deadline is not None and clock.now >= deadline:
                return False
            what.due = False
            self.until(me, what, None if deadline is None else deadline - clock.now)
        return True

    def poke(self) -> None:
        """A controlled thread did something to the world outside: who waits for it can go on."""
        for what in self.pending:
            what.due = True
            if what.waiters and what.waiters[0].slot < 0 and what.is_free():
                self._scheduler.freed(what)

    def wait(self, deadline: int | None) -> None:
        """Nobody can go on: waits for the world outside, one slice at the most, or, where nobody else can act, jumps.

        ``deadline`` is the next one on the virtual clock.
        """
        clock = self._scheduler.clock
        pending = self.pending
        rest = SLICE if deadline is None else max(0.0, (deadline - clock.now) / 1e9)
        if deadline is not None and self.is_closed():
            grace = (
                0.0 if all(what.is_prompt() for what in pending) else max(LEAST_GRACE, min(rest * GRACE, MOST_GRACE))
            )
            if not self._mind(pending, min(rest, grace)):
                clock.now = max(clock.now, deadline)
            return
        self.pass_time(deadline)

    def pass_time(self, deadline: int | None) -> None:
        """Waits in real time, until the next ``deadline`` at the most, or for one slice."""
        clock = self._scheduler.clock
        rest = SLICE if deadline is None else max(0.0, (deadline - clock.now) / 1e9)
        began = real.monotonic_ns()
        self._mind(self.pending, min(rest, SLICE))
        clock.now += real.monotonic_ns() - began

    def _mind(self, pending: list[Waiting], seconds: float) -> bool:
        """Waits in real time until something is there that is waited for, or somebody is back. Whether that is so."""
        deadline = real.monotonic() + seconds
        any_tries = any(what.descriptors is None for what in pending)
        self.minding = True
        try:
            while True:
                if current.thread is self._scheduler.main:
                    self._scheduler.signals.raise_now()
                rest = deadline - real.monotonic()
                if self.threads or not pending:
                    # Who comes back wakes this one up.
                    self._arrival.acquire(timeout=max(0.0, min(rest, LOOK) if pending else rest))
                else:
                    waiting.poll(pending, max(0.0, min(rest, LOOK if any_tries else POLL)))
                for what in pending:
                    what.due = True
                found = [what for what in pending if what.is_free()]
                for what in found:
                    self._scheduler.freed(what)
                if found or self.news or rest <= 0 or self._scheduler.stuck is not None:
                    return bool(found or self.news)
        finally:
            self.minding = False

    def is_closed(self) -> bool:
        """Whether nothing but the threads of this run can end any of the waits: no other process, no other thread."""
        if self.threads or any(what.is_open() for what in self.pending):
            return False
        return not waiting.children() and not self._outsiders()

    @property
    def is_time_real(self) -> bool:
        """Whether a sleep has to last: somebody outside goes on meanwhile."""
        return bool(self.pending or self.threads) or waiting.children()

    @property
    def can_act(self) -> bool:
        """Whether anybody is there outside who may change what the test's threads wait for."""
        return bool(self.pending or self.threads) or waiting.children() or self._outsiders()

    # ------------------------------------------------------------------ blocking for real

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
        alone = not (scheduler.ready or self.count or self.arrivals or scheduler.clock.next_deadline() is not None)
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

    def _leave(self, me: ControlledThread) -> None:
        with self._mutex:
            self.admit()
            if not self._scheduler.pass_on(me):
                self._vacant = True
                current.thread = None

    def dispossess(self, holder: ControlledThread, place: str, is_sure: Callable[[], bool]) -> bool:
        """Takes the baton from ``holder``, which blocks and can't give it up, and hands it on. Whether that was done.

        Called by a thread that nobody controls. ``is_sure`` looks once more whether it still blocks, at the last moment
        and without letting another thread of Python run.
        """
        scheduler = self._scheduler
        if not self._mutex.acquire(blocking=False):
            return False
        try:
            has_others = len(scheduler.ready) > 1 or self.count or self.arrivals
            if not (has_others or scheduler.clock.next_deadline() is not None):
                return False  # nobody would gain by it
            if not is_sure() or current.thread is not holder:
                return False
            # From here on the holder, should it come back, finds that it is none any longer and waits for the mutex.
            current.thread = None
            current.strays[holder.ident or 0] = holder
            scheduler.disable(holder)
            self.threads.add(holder)
            self.taken += 1
            self.places.add(place)
            self.admit()
            self._vacant = not scheduler.pass_on(holder)
        finally:
            self._mutex.release()
        return True

    def regain(self, me: ControlledThread) -> None:
        """``me``, which lost the baton while it blocked, is back and queues for it. Raises Unwind if the run ended."""
        if me.unwinding:
            me.unwinding += 1
            if me.unwinding == 2 or me.unwinding > UNWINDING_CONTACTS:
                raise Unwind
            return
        # Waits for whoever takes the baton away at this moment.
        self._come_back(me, stray=True)

    def _come_back(self, me: ControlledThread, *, stray: bool = False) -> None:
        scheduler = self._scheduler
        with self._mutex:
            _end_if_over(me)
            if stray:
                current.strays.pop(me.ident or 0, None)
            if self._vacant:
                self._vacant = False
                self.threads.discard(me)
                scheduler.enable(me)
                current.thread = me
                return
            self.arrivals.append(me)
        self._wake_holder()
        scheduler.park(me)
        _end_if_over(me)

    def admit(self) -> None:
        """Enables those who are back, and those whose wait somebody ended. Called by the holder of the baton."""
        while self.released:
            self._scheduler.freed(self.released.popleft())
        while self.arrivals:
            thread = self.arrivals.popleft()
            self.threads.discard(thread)
            self._scheduler.enable(thread)

    def abandon(self) -> None:
        """The run ends: those who are outside unwind when they come back; the interpreter does not wait for that."""
        from pytest_racecheck.engine.leftover import let_go

        with self._mutex:
            self.admit()
            for thread in self.threads:
                thread.unwinding = max(thread.unwinding, 1)
                thread.attention = True
        for thread in self.threads:
            let_go(thread)

    # ------------------------------------------------------------------ threads that nobody controls

    def tell(self, resource: Waitable) -> None:
        """A thread that nobody controls freed ``resource``. Called by that thread, which does not hold the baton."""
        self.released.append(resource)
        self.places.add("threads that are not controlled")
        self._wake_holder()

    def arrive(self, thread: ControlledThread) -> None:
        """``thread`` wants the baton: it is back, or a handler of a signal interrupts what it waits for."""
        self.arrivals.append(thread)
        self._wake_holder()

    def _wake_holder(self) -> None:
        holder = current.thread
        if holder is not None:
            holder.attention = True
        with suppress(RuntimeError):  # somebody else has just arrived as well: one wake-up is enough
            self._arrival.release()

    def settle(self) -> None:
        """Those whose call has returned come back before the holder goes on, so that they do so again in a replay."""
        if not self.news and self._scheduler.stuck is None:
            real.sleep(SETTLING)

    @property
    def news(self) -> bool:
        """Whether somebody is back, or something was freed, that `admit` has to deal with."""
        return bool(self.arrivals or self.released)

    def wait_for_release(self) -> bool:
        """Nobody can go on: gives uncontrolled threads some real time to free what is waited for. False if none did."""
        origin = self._scheduler.clock.origin
        if not self._outsiders():
            return False
        deadline = real.monotonic() + origin.outside_seconds
        self.minding = True  # else the lookout would take the baton from whoever waits here
        try:
            while not self.news:
                rest = deadline - real.monotonic()
                if rest <= 0:
                    origin.outside_seconds = SLICE / 10
                    return False
                self._arrival.acquire(timeout=min(rest, SLICE))
                if self._scheduler.stuck is not None:
                    return False
        finally:
            self.minding = False
        return True

    def _outsiders(self) -> bool:
        """Whether threads are alive that are not controlled and might have to do with the test."""
        for thread in threading._enumerate():  # type: ignore[attr-defined]  # whose lock is one of ours
            ours = id(thread) in self._scheduler.by_thread or is_disowned(thread)
            if ours or isinstance(thread, threading._DummyThread):
                continue
            target = getattr(thread, "_target", None)
            module = getattr(target, "__module__", None) or type(thread).__module__
            package = module.partition(".")[0]
            if package not in _RUNNERS and not package.startswith("pytest_"):
                return True
        return False


def _end_if_over(me: ControlledThread) -> None:
    """Raises Unwind if the run ended while ``me`` was outside."""
    if me.unwinding:
        me.unwinding = 2
        raise Unwind


#: Top-level modules whose threads serve the test runner: they free nothing that a test waits for.
_RUNNERS: Final = frozenset({"execnet", "xdist", "coverage", "_pydevd_bundle", "debugpy", "pydevd"})
