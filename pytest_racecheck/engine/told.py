"""Loops that work until another thread says stop, which may sleep meanwhile: ``while not stop.is_set(): work()``.

Nothing that such a loop does ends it. So there is no need to see it do what it would really do while a sleeper sleeps.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from pytest_racecheck.engine.loops import told_loop
from pytest_racecheck.engine.thread import WORK
from pytest_racecheck.engine.timed import Timed, is_tested

if TYPE_CHECKING:
    from types import FrameType

    from pytest_racecheck.engine.loops import Spot
    from pytest_racecheck.engine.thread import ControlledThread

#: So often, within so many operations, has a thread to come to where such a loop may end.
FEW_LOOKS: Final = 8
WATCHED: Final = 1_000

#: While somebody sleeps, threads have done at least so much before they seem to do nothing else: what a sleep is to let
#: others do first takes less, or the test would take seconds as it is. It takes less to see that they still do.
FIRST: Final = WORK // 2
NEXT: Final = WORK // 20


class Told(Timed):
    """A baton that knows of threads which work until they are told to stop."""

    def _goes_round_until_told(self, me: ControlledThread) -> bool:
        """Whether ``me``, which has worked on for long, is in such a loop. If so, it has had its turn.

        That takes several looks: until it is clear, the thread is looked at again with its next operation.
        """
        if me.watched is None:
            me.watched = (me.ops, {})
        begun, looks = me.watched
        here = _told_at(sys._getframe(2))
        if here is not None:
            looks[here] = looks.get(here, 0) + 1
            if looks[here] == FEW_LOOKS:
                me.watched = None
                me.turned = True
                me.caught_up = False
                return True
        if me.ops - begun < WATCHED:
            self._ask_after(me, 0)
        else:
            me.watched = None
        return False

    def _ask_after(self, me: ControlledThread, operations: int) -> None:
        """So many operations from now on, of all threads together, time may have passed."""
        worked = self._worked(me)
        me.tired = me.ops + operations
        self._work = worked - WORK + operations


def _told_at(frame: FrameType | None) -> tuple[int, Spot] | None:
    """The innermost such loop that a thread is about to leave or not, however many calls away."""
    while frame is not None:
        spot = told_loop(frame.f_code, frame.f_lasti) if is_tested(frame.f_code.co_filename) else None
        if spot is not None:
            return id(frame), spot
        frame = frame.f_back
    return None
