"""What the scheduler asks of a strategy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pytest_racecheck.engine.observer import Observer
    from pytest_racecheck.engine.thread import ControlledThread, Ready
    from pytest_racecheck.strategy.exhaustive import Exhaustive


class Strategy(Protocol):
    """Chooses the next thread at every scheduling point; `begin` and `end` frame one interleaving."""

    @property
    def observer(self) -> Observer | None:
        """Who is told of every operation of the run; None for a strategy that need not know them."""

    @property
    def exhaustive(self) -> Exhaustive | None:
        """The exhaustive search that the next run, or the one under way, is part of; None if it is part of none."""

    def begin(self) -> None:
        """A new interleaving starts."""

    def choose(self, ready: Ready, last: ControlledThread, can_go_on: bool) -> ControlledThread:
        """One of ``ready``. ``last`` ran until now; it is among them, and staying is no switch, if ``can_go_on``."""

    def naps(self, thread: ControlledThread) -> bool:
        """``thread`` is about to sleep: True lets the clock jump and the thread go on, although others could run."""

    def gave_way(self, thread: ControlledThread) -> None:
        """``thread`` only polls, or works on and on: another one goes on now, and should for a while."""

    def end(self, points: int) -> None:
        """The interleaving is over, after ``points`` choices."""
