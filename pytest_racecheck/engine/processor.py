"""The one processor that a search keeps to, and how the system shares it out among the search's threads."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Final

from pytest_racecheck.engine import real

#: Real seconds after which the processor is chosen anew: another process may have taken it meanwhile.
REPIN_SECONDS: Final = 0.1


class Processor:
    """Keeps the calling thread, and what it starts, to one processor, on which nobody is interrupted by who wakes up.

    Only one thread of a search runs at a time, and handing the baton to another processor takes four times as long.
    With the usual policy, a thread that is handed the baton interrupts the one that hands it over, only to wait for
    the interpreter's lock that this one still holds: three switches by the system for one of ours. Linux has a policy
    without that, `SCHED_BATCH`. Threads and processes that are started meanwhile keep to both.
    """

    def __init__(self) -> None:
        self._mask: set[int] | None = None
        self._pinned_at = 0.0
        self._chosen = -1
        #: The policy to go back to, and its parameters; None where it was not changed.
        self._policy: tuple[int, os.sched_param] | None = None

    @property
    def allowed(self) -> set[int]:
        """Those that the process had before `take`; empty where that can't be told or changed."""
        return set() if self._mask is None else set(self._mask)

    def take(self) -> None:
        """Chooses a processor that is free."""
        if hasattr(os, "sched_setaffinity"):
            try:
                self._mask = os.sched_getaffinity(0)
            except OSError:
                self._mask = None
        self._pin()
        self.share(False)

    def renew(self) -> bool:
        """Chooses anew if the choice is old. Returns whether it is another one: threads that are there keep theirs."""
        if self._mask is None or real.monotonic() - self._pinned_at <= REPIN_SECONDS:
            return False
        before = self._chosen
        self._pin()
        return self._chosen != before

    def share(self, fairly: bool) -> None:
        """Whether threads that wake up may interrupt others, as the system's usual policy has it."""
        if not hasattr(os, "sched_setscheduler"):
            return
        # A container may forbid it: everything works without, only slower.
        with contextlib.suppress(OSError):
            if fairly:
                if self._policy is not None:
                    os.sched_setscheduler(0, *self._policy)
                    self._policy = None
            elif self._policy is None and os.sched_getscheduler(0) == os.SCHED_OTHER:
                usual = (os.SCHED_OTHER, os.sched_getparam(0))
                os.sched_setscheduler(0, os.SCHED_BATCH, usual[1])
                self._policy = usual

    def give_back(self) -> None:
        """The end of `take`."""
        self.share(True)
        if self._mask is not None:
            with contextlib.suppress(OSError):
                os.sched_setaffinity(0, self._mask)
            self._mask = None

    def _pin(self) -> None:
        self._pinned_at = real.monotonic()
        mask = self._mask
        if mask is None or len(mask) < 2:
            return
        try:
            os.sched_setaffinity(0, mask)
            processor = _current()
            self._chosen = processor if processor in mask else min(mask)
            os.sched_setaffinity(0, {self._chosen})
        except OSError:
            self._mask = None


def _current() -> int:
    """The processor that the calling thread runs on, -1 if the system does not tell."""
    if sys.platform != "linux":
        return -1
    try:
        with Path("/proc/thread-self/stat").open("rb") as stat:
            # Field 39; the second one is a name in parentheses that may hold blanks.
            return int(stat.read().rpartition(b")")[2].split()[36])
    except (OSError, IndexError, ValueError):
        return -1
