"""A person's Ctrl-C that does not end a test: it was caught, or clean-up code blocks again, or C code never returns.

One Ctrl-C has to be enough. The interpreter tells of signals on a file descriptor as they come in, before any handler
runs. If the main thread then stands still in the midst of a test, the same signal is sent once more, and again.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from typing import Final

from pytest_racecheck.detect.stacks import user_frames
from pytest_racecheck.engine import real
from pytest_racecheck.stacks.client import SENTINEL

#: Real seconds from the Ctrl-C to the first repetition, and from one to the next. A test may send itself the signal.
_PATIENCE: Final = 2.0
_NEXT: Final = 0.5


class CtrlC:
    """Between `listen` and `close`, which the main thread calls."""

    def __init__(self) -> None:
        self._read = self._write = -1
        self._since = 0.0
        self._next = 0.0
        self._has_come = False
        self._place: tuple[int, int] | None = None

    def listen(self) -> None:
        """Does nothing where somebody else listens."""
        if threading.current_thread() is not threading.main_thread() or self._read >= 0:
            return
        read, write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) if hasattr(os, "pipe2") else os.pipe()
        os.set_blocking(read, False)
        os.set_blocking(write, False)
        before = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        if before != -1:
            signal.set_wakeup_fd(before)
            os.close(read)
            os.close(write)
            return
        self._read, self._write = read, write
        SENTINEL.hear(read)
        self._since = 0.0
        self._has_come = False

    def close(self) -> bool:
        """Listens no longer. Returns whether a Ctrl-C came that the test has no handler of its own for."""
        if self._read < 0:
            return False
        has_come = (self._has_come or self._came()) and _is_default()
        if threading.current_thread() is threading.main_thread():
            current = signal.set_wakeup_fd(-1)
            if current not in (-1, self._write):
                signal.set_wakeup_fd(current)
        SENTINEL.hear(None)
        os.close(self._read)
        os.close(self._write)
        self._read = self._write = -1
        return has_come

    def late(self, runs: bool) -> float:
        """Called again and again in another thread: for how many seconds main has stood still since a Ctrl-C.

        ``runs``: whether the main thread is in the midst of a test. 0 when there is nothing to it.
        """
        if self._came() and not self._since:
            self._has_come = True
            self._since = real.monotonic()
            self._next = self._since + _PATIENCE
            self._place = None
        if not self._since:
            return 0.0
        if not runs or not _is_default():
            self._since = 0.0
            return 0.0
        return real.monotonic() - self._since

    def repeat(self) -> None:
        """Sends the signal once more if it is time to, and the main thread stands still."""
        main = threading.main_thread().ident
        if main is None or real.monotonic() < self._next:
            return
        self._next = real.monotonic() + _NEXT
        place = next(((id(each.f_code), each.f_lineno) for each in user_frames(sys._current_frames().get(main))), None)
        if place == self._place:
            signal.pthread_kill(main, signal.SIGINT)
        else:
            self._since = real.monotonic()  # it got further
        self._place = place

    def _came(self) -> bool:
        came = b""
        if self._read >= 0:
            with contextlib.suppress(OSError):
                came = os.read(self._read, 4096)
        return signal.SIGINT in came or SENTINEL.is_interrupted()


def _is_default() -> bool:
    return signal.getsignal(signal.SIGINT) is signal.default_int_handler
