"""Loops that go on until a clock says stop: their turns take time, as they do on a real clock."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Final

from pytest_racecheck.engine.baton import Baton
from pytest_racecheck.engine.loops import ClockLoop, clock_loop
from pytest_racecheck.engine.places import is_ours
from pytest_racecheck.engine.thread import WORK
from pytest_racecheck.instrument.scope import by_default

if TYPE_CHECKING:
    from types import FrameType

    from pytest_racecheck.engine.thread import ControlledThread

#: Not before this many looks, all together and in one loop, does a thread seem to be in such a loop.
FEW_LOOKS: Final = 16

#: What a turn takes, in nanoseconds, of a loop that only the clock ends: what the interpreter lets a thread have before
#: another one gets its turn. Twice as much after each so many turns, up to so many times. No round number: whether a
#: time that is up to the nanosecond counts as over depends on the last bit of a float, another one in each session.
TURN: Final = 4_999_631
TURNS: Final = 64
DOUBLED: Final = 4

#: The same where other things may end it, which have to come about before the time is up: a slow turn of a real one.
PATIENT_TURN: Final = 99_631

#: What an operation of threads that work on and on takes on the clock, in nanoseconds; slow enough that those who
#: sleep in order to let others do their work first are not woken too early.
OPERATION: Final = 250

#: A thread sleeps, waits until its time is up, or is seen to come back to where it was, so often before it counts as
#: one that only waits.
NAPS: Final = 2


class Timed(Baton):
    """A baton with a clock that goes on while loops wait for it.

    Nothing else than the loop tells that ``while monotonic() < end: work()`` is over sooner or later: if looks took no
    time it would go on for ever, and if work took as much time as it really does, for a million operations. But time
    must not run away from those who have something else to do, or else their time-outs strike and others stop waiting
    for them. So it goes on only when each thread that could go on has had another turn of such a loop, or only waits.
    """

    #: How many operations all threads had done when the clock last went on because of that.
    _accounted = 0

    def _turn_by_the_clock(self, me: ControlledThread) -> bool:
        """``me`` looks at a clock. Whether that decides if a loop that it is in goes on. Gives way to others if so."""
        found = _loop_around(sys._getframe(2))
        if found is None or self.external.is_time_real:
            return False
        here, loop = found
        if me.turns and me.timed_loop == (here, loop):
            me.turns += 1
        else:
            me.timed_loop, me.turns = (here, loop), 1
        if me.turns < FEW_LOOKS:
            return False
        worked = self._worked(me)
        if me.turns == FEW_LOOKS:
            self._accounted = worked
        me.turned = True
        me.caught_up = False
        if self._each_has_had_a_turn(me):
            turns = [_turn_takes(thread) for thread in self.ready if thread.turned]
            self.clock.now += min(turns) * len(turns)  # one after the other
            for thread in self.ready:
                thread.turned = thread.caught_up = False
            self._expire(self.clock.now)
        else:
            self.clock.now += (worked - self._accounted) * OPERATION
        self._accounted = worked
        me.spent = len(self.ready) > 1  # and no proof: how often it goes round depends on how far the others are
        return True

    def _worked(self, me: ControlledThread) -> int:
        """How many operations all threads have done."""
        return self._work + WORK - (me.tired - me.ops)

    def _each_has_had_a_turn(self, me: ControlledThread) -> bool:
        """Whether every enabled thread only waits, or has looked since time last went on.

        Or waited for others since then, so that it had nothing left to do.
        """
        return all(each is me or each.turned or each.caught_up or each.naps > NAPS for each in self.ready)


def _loop_around(frame: FrameType | None) -> tuple[int, ClockLoop] | None:
    """The innermost loop that the caller of a clock is in, however many calls away, with the identity of that call.

    What the standard library looks at a clock for (the time-out of ``while queue.get(timeout=1): ...``) ends no loop.
    """
    while frame is not None and is_ours(frame.f_code.co_filename):
        frame = frame.f_back
    direct = True
    while frame is not None and is_tested(frame.f_code.co_filename):
        loop = clock_loop(frame)
        if loop == "other":
            return None
        if loop is not None:
            return id(frame), loop if direct else loop._replace(only=False)
        direct = False
        frame = frame.f_back
    return None


#: Whether a file is looked into.
is_tested: Final = functools.lru_cache(maxsize=1024)(by_default)


def _turn_takes(thread: ControlledThread) -> int:
    if thread.timed_loop is None or not thread.timed_loop[1].only:
        return PATIENT_TURN
    return TURN << min(thread.turns // TURNS, DOUBLED)
