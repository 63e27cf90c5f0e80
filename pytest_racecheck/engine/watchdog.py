"""The time limit, in real seconds: who strikes when it is over, and what is done until the test has ended.

The sentinel, a process of its own, minds the clock and takes the stacks; it also sends the main thread a signal now and
then, for as long as the time is over and the main thread is not out. What is to be done about that, those know who
are in this process: `Target`. The thread of the watchdog hears of the deadline from the sentinel, and has the target
look at its threads and give up; then it has it try, again and again, to end those that are no main thread. The handler
of the signal has the target decide whether the main thread can be interrupted where it is.

Where there is no sentinel, the watchdog's thread does its work, as far as the GIL lets it.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from pytest_racecheck.engine import current, older, real
from pytest_racecheck.engine.ctrl_c import CtrlC
from pytest_racecheck.stacks.client import SENTINEL
from pytest_racecheck.stacks.processes import TestProcesses
from pytest_racecheck.stacks.sentinel import NEXT_SIGNAL, SIGNAL

if TYPE_CHECKING:
    from _thread import LockType
    from types import FrameType

    from pytest_racecheck.stacks.collect import Hang

#: Real seconds between two looks at the clock.
INTERVAL: Final = 0.1

#: So many times the limit is what is no part of the test may make of it.
MOST_LIMITS: Final = 10

#: Real seconds after the deadline from which on processes of the test are ended that may be what it waits for.
PROCESSES_SECONDS: Final = 2.0

#: Real seconds after the deadline when a main thread that did not come back is taken for lost, and the session with it.
LOST_SECONDS: Final = 10.0


class Target(Protocol):
    """What must not take longer than its time. ``hang``: where everything was when that was over, None before."""

    hang: Hang | None

    def struck(self, found: dict[str, Any], why_not: str) -> None:
        """Time is over. Called once, while nobody has interfered yet: looks at the threads, and gives up.

        ``found`` is what the sentinel saw, {} if it saw nothing for the reason ``why_not``.
        """

    def interrupt(self, frame: FrameType | None) -> None:
        """In the main thread, wherever that is: raises what ends it, if that can be raised there."""

    def nudge(self) -> None:
        """In another thread: tries to end threads that are no main thread."""


class Watchdog:
    """One for the process. `start`, then `arm` and `disarm` for whatever has a limit, then `stop`."""

    def __init__(self) -> None:
        #: Released to end the thread; each thread has one of its own, None while there is no thread.
        self._end: LockType | None = None
        self._target: Target | None = None
        self._deadline = self._last_deadline = 0
        self._struck = 0  # the last deadline that the target was told of
        self._mutex = real.allocate_lock()
        self._handler: Any = None
        self._ctrl_c = CtrlC()
        #: Whether a Ctrl-C came while a test hung, and the end of that hid it: the session is to end all the same.
        self.interrupted = False
        self._processes: TestProcesses | None = None
        #: The last hang of the test that runs, and the limit that it has; None: it has not hung.
        self.hang: Hang | None = None
        self.seconds = 0.0
        #: The main thread is given up: it must not go on if it comes back after all.
        self._is_lost = False
        #: Called, in any thread, when the main thread does not come back, with whether there was a Ctrl-C; not expected
        #: to return.
        self.lost: Callable[[bool], None] | None = None

    def start(self) -> None:
        """A test is about to begin, in the calling thread; nothing of it has run yet."""
        SENTINEL.start()
        older.find()
        self.hang = None
        self._processes = TestProcesses()
        self._ctrl_c.listen()
        SENTINEL.know(self._processes.known)
        if SIGNAL is not None and threading.current_thread() is threading.main_thread():
            handler = signal.getsignal(SIGNAL)
            if handler in (signal.SIG_DFL, signal.SIG_IGN):
                self._handler = handler
                signal.signal(SIGNAL, self._on_signal)

    def arm(self, target: Target, seconds: float) -> None:
        """Starts the clock."""
        self._target = target
        self.seconds = seconds
        now, limit = real.monotonic_ns(), int(seconds * 1e9)
        self._deadline, self._last_deadline = now + limit, now + MOST_LIMITS * limit
        SENTINEL.arm(self._deadline)
        if self._end is None:
            self._end = real.allocate_lock()
            self._end.acquire()
            real.start_new_thread(self._watch, (self._end,))

    def rearm(self) -> None:
        """Starts the clock anew, if it runs: for something that is done several times and has the limit each time."""
        if self._target is not None:
            self.arm(self._target, self.seconds)

    def allow(self) -> None:
        """The thread that runs does what takes its time and is not to count: the clock starts anew, if it runs.

        Not for good: who does nothing else is caught in the end.
        """
        now, deadline = real.monotonic_ns(), self._deadline
        if now < deadline:
            self._deadline = min(now + int(self.seconds * 1e9), self._last_deadline)
            if self._deadline != deadline:
                SENTINEL.arm(self._deadline)

    def disarm(self) -> bool:
        """Stops the clock. Returns whether it has struck, which the target knows by then."""
        if self._is_lost:
            real.sleep(real.timeout_max)
        deadline, self._deadline = self._deadline, 0
        target, self._target = self._target, None
        SENTINEL.disarm()
        if target is not None and SENTINEL.has_struck(deadline):
            self._strike(target, deadline, wait=True)
        return target is not None and self._struck == deadline

    def stop(self) -> None:
        """The test is over: ends the thread, which is of no use to others, and processes that a hanging test left."""
        self.disarm()
        end, self._end = self._end, None
        if end is not None:
            end.release()
        if self._handler is not None:
            if self.handles_signals and SIGNAL is not None:
                signal.signal(SIGNAL, self._handler)
            self._handler = None
        self.interrupted |= self._ctrl_c.close() and self.hang is not None
        if self.hang is not None:
            self.end_processes()

    def end_processes(self) -> None:
        """Ends the processes that the test has started."""
        if self._processes is not None:
            self._processes.end()

    def _strike(self, target: Target, deadline: int, *, wait: bool = False) -> bool:
        """Has the target look and give up, once. Returns whether that was done, now or before."""
        with self._mutex:
            if self._struck == deadline:
                return True
            while (found := SENTINEL.found(deadline)) is None:
                if not wait:
                    return False
                real.sleep(INTERVAL / 10)
            if self._processes is not None:
                self._processes.note()
            target.struck(found, SENTINEL.why_not)
            self.hang = target.hang
            self._struck = deadline
        return True

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        target = self._target
        if target is not None and self._struck == self._deadline:
            target.interrupt(frame)

    # ------------------------------------------------------------------ the thread

    def _watch(self, end: LockType) -> None:
        next_nudge = since = 0.0
        while not end.acquire(timeout=INTERVAL):
            deadline, target = self._deadline, self._target
            SENTINEL.beat()
            self._mind_ctrl_c(target)
            late = (real.monotonic_ns() - deadline) / 1e9
            if not deadline or target is None or late < 0:
                next_nudge = NEXT_SIGNAL
                since = 0.0
            elif self._strike(target, deadline) and late > next_nudge:
                next_nudge = late + NEXT_SIGNAL
                since = since or late  # it may have been without the GIL for long
                self._pursue(target, late - since)

    def _mind_ctrl_c(self, target: Target | None) -> None:
        late = self._ctrl_c.late(target is not None)
        if late > 0:
            self._ctrl_c.repeat()
        if late > LOST_SECONDS and self.lost is not None and target is not None:
            if self.hang is None:
                target.struck({}, "Ctrl-C")
                self.hang = target.hang
            self._is_lost = True
            self.lost(True)

    def _pursue(self, target: Target, late: float) -> None:
        """The test does not end by itself; this has gone on for ``late`` seconds."""
        target.nudge()
        main = threading.main_thread().ident
        if SIGNAL is not None and main is not None and not SENTINEL.is_running:
            signal.pthread_kill(main, SIGNAL)
        if late > PROCESSES_SECONDS:
            self.end_processes()
        if late > LOST_SECONDS and self.lost is not None:
            self._is_lost = True
            self.lost(False)

    def forked(self) -> None:
        """In a child of this process: the run, the clock, the sentinel and the thread are the parent's."""
        current.thread = None
        current.concurrent = False
        SENTINEL.forget()
        self._target = self._end = self._processes = self.lost = None
        self._deadline = 0

    @property
    def handles_signals(self) -> bool:
        """Whether the signal still comes here: a test may have taken it."""
        return SIGNAL is not None and self._handler is not None and signal.getsignal(SIGNAL) == self._on_signal


WATCHDOG: Final = Watchdog()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=WATCHDOG.forked)
