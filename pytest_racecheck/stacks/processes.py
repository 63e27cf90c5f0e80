"""The processes that a test started and left running: found, and ended."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import Final

from pytest_racecheck.engine import real
from pytest_racecheck.stacks.sentinel import began, children, command, descendants, is_zombie

#: Real seconds that a process gets to end by itself once it was asked to.
_GRACE_SECONDS: Final = 1.0


class TestProcesses:
    """Those below this process that were not there when this object was made."""

    __test__ = False  # the name starts with "Test"

    def __init__(self) -> None:
        self.known = frozenset(children(os.getpid()))
        self._seen: dict[int, str] = {}

    def note(self) -> None:
        """Remembers those that are there: once one ends, nothing leads to those that it started any longer."""
        self._seen.update((pid, began(pid)) for pid in self.left())

    def left(self) -> list[int]:
        """The processes of the test that are there, innermost last; none that serves the whole session."""
        found = dict.fromkeys(descendants(os.getpid(), self.known))
        for pid, since in self._seen.items():
            if since and began(pid) == since and not is_zombie(pid):
                found.update(dict.fromkeys((pid, *descendants(pid))))
        return list(found)

    def end(self) -> list[str]:
        """Ends them, politely first. Returns their commands."""
        pids = self.left()
        if not pids:
            return []
        ended = [command(pid) for pid in pids]
        _signal(pids, signal.SIGTERM)
        deadline = real.monotonic() + _GRACE_SECONDS
        while (pids := [pid for pid in pids if not is_zombie(pid)]) and real.monotonic() < deadline:
            real.sleep(0.01)
        _signal(pids, signal.SIGKILL)
        multiprocessing = sys.modules.get("multiprocessing")
        if multiprocessing is not None:
            with contextlib.suppress(Exception):
                multiprocessing.active_children()  # has the zombies among its own buried
        return ended


def _signal(pids: list[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, number)
