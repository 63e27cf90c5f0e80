"""Random walk: every enabled thread is equally likely at every scheduling point."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_racecheck.engine.thread import ControlledThread, Ready


class RandomWalk:
    """Simple, unbiased at each point, and so likely to switch often; weak where one rare order is needed."""

    observer = None
    exhaustive = None

    def __init__(self, random: Random) -> None:
        self._random = random.random

    def begin(self) -> None:
        """Nothing to prepare."""

    def choose(self, ready: Ready, last: ControlledThread, can_go_on: bool) -> ControlledThread:
        """Any of them."""
        return ready[int(self._random() * len(ready))]

    def naps(self, thread: ControlledThread) -> bool:
        """A sleeping thread waits until nothing else can run."""
        return False

    def gave_way(self, thread: ControlledThread) -> None:
        """Nothing to change."""

    def end(self, points: int) -> None:
        """Nothing to learn."""
