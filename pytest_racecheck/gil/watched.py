"""One thread while it is measured: its clocks at both ends, and what it waited for in between."""

from __future__ import annotations

import threading
from typing import Final

from pytest_racecheck.engine import real
from pytest_racecheck.gil import clocks
from pytest_racecheck.gil.clocks import NOTHING, Reading

#: What a thread waits for in a lock: its turn in a mutual exclusion; that another thread has something for it;
#: that time passes (a wait that ran into its time-out).
LOCK: Final = "lock"
SIGNAL: Final = "signal"
TIME: Final = "time"


class Watched:
    """A thread. Written to by itself alone, while it runs; times are in nanoseconds.

    ``took`` and ``active`` belong to `Turns`, as does ``paused``, which is released at its first pause.
    """

    def __init__(self, name: str, function: str) -> None:
        self.name = name
        self.function = function
        self.ident = 0
        self.native_id = 0
        self.begun = NOTHING
        self.ended: Reading | None = None
        self.waited: dict[str, int] = {LOCK: 0, SIGNAL: 0, TIME: 0}
        #: Waiting by lock, for those in mutual exclusions.
        self.by_lock: dict[object, int] = {}
        self.waits_since = 0
        self.took = 0
        self.active = 0
        self.paused = real.allocate_lock()
        self.paused.acquire()

    def begin(self) -> None:
        """Called in the thread itself, before its function."""
        self.ident = real.get_ident()
        self.native_id = clocks.native_id()
        self.begun = clocks.read()

    def end(self) -> None:
        """Called in the thread itself, after its function."""
        self.ended = clocks.read()

    def pause(self) -> None:
        """It ends, or waits for another thread."""
        if self.paused.locked():
            self.paused.release()

    def passed(self) -> Reading:
        """What has passed from its beginning to its end, or to now."""
        last = self.ended or clocks.read_other(self.ident, self.native_id)
        return NOTHING if last is None else last.since(self.begun)

    def waiting(self, kind: str) -> int:
        """How long it has waited for this kind of thing, a wait under way included (as one for a signal)."""
        current = real.monotonic_ns() - self.waits_since if self.waits_since and kind is SIGNAL else 0
        return self.waited[kind] + current


def function_of(thread: threading.Thread) -> str:
    """What a thread runs, in words for a report."""
    target = getattr(thread, "_target", None)
    return getattr(target, "__qualname__", None) or type(target if target is not None else thread).__qualname__
