"""The default: a portfolio, since no single strategy is best on all programs."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from pytest_racecheck.strategy.pct import Pct
from pytest_racecheck.strategy.random_walk import RandomWalk

if TYPE_CHECKING:
    from pytest_racecheck.engine.thread import ControlledThread, Ready
    from pytest_racecheck.strategy.base import Strategy


class Auto:
    """Takes turns: two runs of PCT, which reaches deep orders, then one of the random walk, which switches often."""

    observer = None

    def __init__(self, random: Random) -> None:
        self._pct = Pct(random)
        self._walk = RandomWalk(random)
        self._runs = 0
        self._now: Strategy = self._pct

    def begin(self) -> None:
        """The next of the portfolio."""
        self._now = self._walk if self._runs % 3 == 2 else self._pct
        self._runs += 1
        self._now.begin()

    def choose(self, ready: Ready, last: ControlledThread, can_go_on: bool) -> ControlledThread:
        """As the strategy of this run does."""
        return self._now.choose(ready, last, can_go_on)

    def naps(self, thread: ControlledThread) -> bool:
        """A sleeping thread waits until nothing else can run."""
        return False

    def gave_way(self, thread: ControlledThread) -> None:
        """As the strategy of this run does."""
        self._now.gave_way(thread)

    def end(self, points: int) -> None:
        """PCT learns from every run how long they are."""
        self._pct.end(points)
