"""The default: a look around; exhaustive search if it may end soon, directed search if not; a random portfolio.

How the runs are split, and why, by ``docs/schedules-to-first-bug.md`` (``python -m benchmarks.bugs``):

- Where there are three threads or more, all take turns in the first run. Many bugs show at once then (philosophers,
  queue), the workers of a pool meet, and directed search knows what to pursue from its first run on: large ones
  of reorder and twostage take 4 runs.
- With few interleavings to try, no strategy is better than one that tries each once, the simplest first, and in the end
  it is a proof. How many runs it has planned tells early whether it may come to that: a dozen at most for nearly all
  programs that it finds within 30 runs, more and more for those that it misses (reorder, twostage, philosophers).
- There, directed search comes next: it finds every program of the table, within 18 runs on the mean, however many
  threads there are. A head start of 8 runs is enough for the large ones, and costs the others little.
- What needs several things to happen that no single suspect stands for is left to chance, and of these SURW is the only
  one that finds everything in the table. PCT and POS have a small share since their chances depend on other things.
- After the head start, the exhaustive search has every other run as long as it may come to its end within half of the
  budget, and at least an eighth of it unless it is hopeless; directed search, which pairs suspects once each had its
  run, and the random strategies share the rest.
"""

from __future__ import annotations

from itertools import cycle
from random import Random
from typing import TYPE_CHECKING, Final

from pytest_racecheck.strategy.directed import Directed
from pytest_racecheck.strategy.exhaustive import Exhaustive
from pytest_racecheck.strategy.pct import Pct
from pytest_racecheck.strategy.pos import Pos
from pytest_racecheck.strategy.surw import Surw
from pytest_racecheck.strategy.turns import Turns

if TYPE_CHECKING:
    from pytest_racecheck.engine.observer import Observer
    from pytest_racecheck.engine.thread import ControlledThread, Ready
    from pytest_racecheck.strategy.base import Strategy

#: As long as no more runs than this are planned, the exhaustive search is likely to come to its end soon.
_FEW: Final = 12

#: So many runs are directed first, when there are more.
_HEAD_START: Final = 8


class Auto:
    """Exhaustive search if it may end soon; directed search; and then both and the portfolio in turns."""

    def __init__(self, random: Random, interleavings: int) -> None:
        self._budget = interleavings
        self._exhaustive = Exhaustive()
        self._directed = Directed(random)
        #: Before the first run, if there is more than one thread to take turns.
        self.look = Turns(self._directed.observer)
        self._pct = Pct(random)
        surw, directed = Surw(random), self._directed
        others: tuple[Strategy, ...] = (surw, surw, surw, self._pct, surw, surw, surw, Pos(random))
        self._turns = cycle(each for other in others for each in (directed, other))
        self._proving = True
        self._runs = 0
        self._searched = 0
        self._head_start = _HEAD_START
        self._now: Strategy = self._directed

    @property
    def observer(self) -> Observer | None:
        """That of the strategy of this run."""
        return self._now.observer

    @property
    def exhaustive(self) -> Exhaustive | None:
        """Until it has ended, or can't be expected to end in time; runs of others in between are part of it, too."""
        return self._exhaustive if self._proving and self._may_end() else None

    def _may_end(self) -> bool:
        search = self._exhaustive
        if search.finished:
            return not self._runs
        if search.planned <= self._budget // 2 - self._runs:
            return True
        return self._searched < self._budget // 8 and search.planned <= self._budget

    def begin(self) -> None:
        """Whose turn it is."""
        self._proving = self.exhaustive is not None
        self._now = self._next()
        self._runs += 1
        self._searched += self._now is self._exhaustive
        self._now.begin()

    def _next(self) -> Strategy:
        if self._proving and self._exhaustive.planned <= _FEW:
            return self._exhaustive
        if self._head_start:
            self._head_start -= 1
            return self._directed
        if self._proving and self._runs % 2:
            return self._exhaustive
        return next(self._turns)

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
