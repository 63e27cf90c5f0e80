"""The serial reference of an arbitrary test: its threads run one at a time, and change only where one must wait.

A thread that is started runs until it ends or waits for another one; only then does the thread that started it go on.
Sleeps and input or output are no reason to change: their time adds up, as it does in a program without threads.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from pytest_racecheck.detect.stacks import user_frames
from pytest_racecheck.engine import real
from pytest_racecheck.report.terminal import place

if TYPE_CHECKING:
    from pytest_racecheck.gil.watched import Watched

_POLL: Final = 0.02


class Turns:
    """Who may run. ``limit``: seconds from the first start to the moment when the attempt is given up.

    ``broken`` says in words why the threads can't run one after the other; from then on all run freely.
    """

    def __init__(self, limit: float) -> None:
        self.broken: str | None = None
        self.changes = 0
        self._limit = limit
        self._deadline: float | None = None
        self._free = False
        self._turn = real.allocate_lock()
        self._holder: Watched | None = None

    def begin(self) -> None:
        """The first thread is about to be started."""
        if self._deadline is None:
            self._deadline = real.monotonic() + self._limit

    def take(self, me: Watched) -> None:
        """Waits until it is this thread's turn."""
        while not self._free:
            if self._turn.acquire(True, _POLL):
                self._holder = me
                self.changes += 1
                me.took = real.monotonic_ns()
                return
            self._check()

    def give(self, me: Watched) -> None:
        """Lets another thread run."""
        if self._holder is me:
            me.active += real.monotonic_ns() - me.took
            self._holder = None
            self._turn.release()

    def until_paused(self, child: Watched) -> None:
        """Waits until a thread that was just started has ended, or waits for another one."""
        while not self._free and not child.paused.acquire(True, _POLL):
            self._check()

    def end(self) -> None:
        """The test is over: threads that it left behind go on as they like."""
        self._free = True

    def _check(self) -> None:
        if self._deadline is not None and real.monotonic() > self._deadline and not self._free:
            self.broken = self._reason()
            self._free = True

    def _reason(self) -> str:
        holder = self._holder
        if holder is None:
            return "its threads wait for each other"
        frames = user_frames(sys._current_frames().get(holder.ident))
        where = f" at {place(frames[0].f_code.co_filename, frames[0].f_lineno, 60, '...')}" if frames else ""
        return f"its threads wait for each other: {holder.name}{where} goes on only while another one runs"
