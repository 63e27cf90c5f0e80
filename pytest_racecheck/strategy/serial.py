"""No preemption: each thread runs until it blocks or ends, and the one that was started first goes next."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_racecheck.engine.thread import ControlledThread, Ready


class Serial:
    """The serial schedule. Always interleaving 0: what fails here is no race."""

    observer = None
    exhaustive = None

    def begin(self) -> None:
        """Nothing to prepare."""

    def choose(self, ready: Ready, last: ControlledThread, can_go_on: bool) -> ControlledThread:
        """``last`` as long as it can go on."""
        return last if last.slot >= 0 else min(ready, key=_index)

    def naps(self, thread: ControlledThread) -> bool:
        """A sleep is no reason to switch."""
        return True

    def gave_way(self, thread: ControlledThread) -> None:
        """Nothing to change."""

    def end(self, points: int) -> None:
        """Nothing to learn."""


def _index(thread: ControlledThread) -> int:
    return thread.index
