"""The default: directed search as long as there are suspects, and a portfolio of random strategies."""

from __future__ import annotations

from itertools import cycle
from random import Random
from typing import TYPE_CHECKING, Final

from pytest_racecheck.strategy.directed import Directed
from pytest_racecheck.strategy.exhaustive import Exhaustive
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

    def __init__(self, random: Random, interleavings: int) -> None:
        self._budget = interleavings
        self._exhaustive = Exhaustive()
        self._directed = Directed(random)
        self._pct = Pct(random)
        surw, directed = Surw(random), self._directed
        others: tuple[Strategy, ...] = (surw, surw, surw, self._pct, surw, surw, surw, Pos(random))
        self._turns = cycle(each for other in others for each in (directed, other))
        self._proving = True
        self._runs = 0
        self._now: Strategy = self._directed

    @property
    def observer(self) -> Observer | None:
        """That of the strategy of this run."""
        return self._now.observer

    @property
    def exhaustive(self) -> Exhaustive | None:
        """The first strategy of all, as long as it may come to its end in time."""
        search = self._exhaustive
        if not self._proving or (search.finished and self._runs):
            return None
        pays = self._runs < self._budget // 8 or search.planned <= self._budget // 2 - self._runs
        return search if pays else None

    def begin(self) -> None:
        """The next one."""
        exhaustive = self.exhaustive
        if exhaustive is not None:
            self._now = exhaustive
        else:
            if self._proving:
                self._proving = False
                self._runs = 0
            self._now = self._directed if self._runs < HEAD_START else next(self._turns)
        self._runs += 1
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
