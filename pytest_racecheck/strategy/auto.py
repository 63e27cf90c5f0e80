"""The default: directed search as long as there are suspects, and a portfolio of random strategies."""

from __future__ import annotations

from itertools import cycle
from random import Random
from typing import TYPE_CHECKING, Final

from pytest_racecheck.strategy.directed import Directed
from pytest_racecheck.strategy.pct import Pct
from pytest_racecheck.strategy.pos import Pos
from pytest_racecheck.strategy.surw import Surw

if TYPE_CHECKING:
    from pytest_racecheck.engine.observer import Observer
    from pytest_racecheck.engine.thread import ControlledThread, Ready
    from pytest_racecheck.strategy.base import Strategy

#: So many runs in a row are directed at first.
HEAD_START: Final = 8


class Auto:
    """Directed search for a start, then every other run as long as it has suspects; SURW most of the rest."""

    def __init__(self, random: Random) -> None:
        self._directed = Directed(random)
        self._pct = Pct(random)
        surw, directed = Surw(random), self._directed
        others: tuple[Strategy, ...] = (surw, surw, surw, self._pct, surw, surw, surw, Pos(random))
        self._turns = cycle(each for other in others for each in (directed, other))
        self._runs = 0
        self._now: Strategy = self._directed

    @property
    def observer(self) -> Observer | None:
        """That of the strategy of this run."""
        return self._now.observer

    def begin(self) -> None:
        """The next one."""
        self._runs += 1
        self._now = self._directed if self._runs <= HEAD_START else next(self._turns)
        self._now.begin()

    def choose(self, ready: Ready, last: ControlledThread, can_go_on: bool) -> ControlledThread:
        """As the strategy of this run does."""
        return self._now.choose(ready, last, can_go_on)

    def naps(self, thread: ControlledThread) -> bool:
        """As the strategy of this run does."""
        return self._now.naps(thread)

    def gave_way(self, thread: ControlledThread) -> None:
        """As the strategy of this run does."""
        self._now.gave_way(thread)

    def end(self, points: int) -> None:
        """The strategy of this run learns from it; PCT from every run, how long they are."""
        self._now.end(points)
        if self._now is not self._pct:
            self._pct.end(points)
