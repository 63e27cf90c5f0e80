"""Signals during a run: what their handlers raise in the main thread, and timers that are about to send one.

A signal reaches the main thread wherever it is. Parked in the midst of racecheck, it could lose the baton to an
exception; so what a handler raises waits until that thread gets on.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Final

from pytest_racecheck.engine import real

if TYPE_CHECKING:
    from pytest_racecheck.engine.baton import Baton

#: Timers that send a signal later than in so many real seconds are there for when things go wrong; and all of a run
#: together get no more than that.
MOST_ALARM: Final = 1.0

#: Real seconds in which the main thread notices a signal that another one has sent, and those between two looks.
NOTICED: Final = 0.05
LOOK: Final = 0.00005


class Signals:
    """Of one run."""

    def __init__(self, scheduler: Baton) -> None:
        self._scheduler = scheduler
        #: What a handler raised, until the main thread can raise it.
        self._late: BaseException | None = None
        #: How often the test has sent its own process SIGINT from another thread, as far as nothing has come of it yet.
        self._sent = 0
        self._timers_wait = MOST_ALARM

    # ------------------------------------------------------------------ exceptions

    def raise_later(self, error: BaseException, *, is_parked: bool) -> None:
        """A handler raised ``error`` in the main thread, in the midst of what racecheck does there.

        It is raised as soon as that thread gets on: if it ``is_parked``, it need not wait any longer for what it does.
        """
        self._late = error
        self._scheduler.main.attention = True
        if is_parked:
            self.remind()

    def remind(self) -> None:
        """The main thread parks, or is parked: it gets the baton back soon if there is something to raise in it."""
        if self._late is not None:
            self._scheduler.external.arrive(self._scheduler.main)

    def raise_now(self) -> None:
        """Raises what a handler raised in the main thread, which is running."""
        error, self._late = self._late, None
        if error is not None:
            self._scheduler.main.deadline = None
            raise error

    # ------------------------------------------------------------------ SIGINT that the test sends

    def announce(self) -> None:
        """A thread other than main is about to send this process SIGINT, of which an exception in main will come."""
        self._sent += 1

    def wait_until_noticed(self) -> None:
        """Gives the main thread, which is parked, the time to notice what has just been sent."""
        deadline = real.monotonic() + NOTICED
        while self._sent and real.monotonic() < deadline:
            real.sleep(LOOK)

    def takes(self, error: BaseException) -> bool:
        """Whether ``error``, raised by a signal while main is parked, is the test's own doing, and nobody's Ctrl-C.

        If so, it is raised as soon as main gets on, unless the run is over.
        """
        if not self._sent or not isinstance(error, KeyboardInterrupt):
            return False
        if self._scheduler.stuck is None:
            self.raise_later(error, is_parked=True)
        self._sent -= 1  # now whoever sent it may go on
        return True

    # ------------------------------------------------------------------ timers

    def may_strike(self, deadline: int | None) -> bool:
        """Whether a timer of the test's is about to send a signal, whose handler may end a wait.

        ``deadline``: the one that comes on the virtual clock, in case it does before that.
        """
        if "signals" not in self._scheduler.external.places or self._timers_wait <= 0:
            return False
        rest = _seconds_to_alarm()
        return 0 < rest <= MOST_ALARM and (deadline is None or rest < (deadline - self._scheduler.clock.now) / 1e9)

    def wait_for_timer(self, deadline: int | None) -> bool:
        """Nobody can go on: lets real time pass if a timer may strike. Returns whether it did."""
        if not self.may_strike(deadline):
            return False
        began = real.monotonic()
        self._scheduler.external.pass_time(deadline)
        self._timers_wait -= real.monotonic() - began
        return True


def _seconds_to_alarm() -> float:
    """Until the timer of this process sends a signal, in real time; 0 if none is set."""
    return signal.getitimer(signal.ITIMER_REAL)[0] if hasattr(signal, "getitimer") else 0.0
