"""Scheduling points, at which a thread meets the scheduler, and fairness: a thread that only polls gives way.

A scheduling point comes before its operation. The scheduler asks the strategy who goes on and decides nothing itself,
but for fairness.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from pytest_racecheck.engine import current, older
from pytest_racecheck.engine.clock import TICK, TOLERANCE, Origin
from pytest_racecheck.engine.operation import MEMORY, POLL
from pytest_racecheck.engine.spinning import came_round
from pytest_racecheck.engine.thread import WORK
from pytest_racecheck.engine.timed import FEW_LOOKS, NAPS, OPERATION
from pytest_racecheck.engine.told import FIRST, NEXT, Told

if TYPE_CHECKING:
    from pytest_racecheck.engine.baton import Hooks
    from pytest_racecheck.engine.observer import Observer
    from pytest_racecheck.engine.operation import Kind
    from pytest_racecheck.engine.thread import ControlledThread
    from pytest_racecheck.strategy.base import Strategy

#: A thread that did this much without effect on others gives way: a read counts 1, a failed attempt or a look at a
#: clock POLL. The serial schedule is more patient: giving way there is a preemption that it must not have.
SERIAL_PATIENCE: Final = 20_000
PATIENCE: Final = 1_000

#: Nor does a thread nap (sleep without giving way) more often than NAPS if it did nothing else that others could
#: notice, nor, whatever it did, more often than this while they wait.
NAPS_IN_A_ROW: Final = 20

#: Every thread that is not blocked has done so much since anybody did something that others could notice: a livelock.
#: A read counts 1, an attempt, a sleep and a wait that timed out SLEEP: 100,000 of these, or a million reads. A thread
#: that looks at the clock is none of those: its time will be up.
FUTILE: Final = 1_000_000
LESS_FUTILE: Final = 20

#: The same once a thread has failed: what goes on for ever after that is its consequence.
ONCE_FAILED: Final = FUTILE // 100
SLEEP: Final = 10

#: How many operations of threads that work on and on are enough for any sleep (what it is to let others do first takes
#: fewer, or the test would take seconds as it is), and for any wait with a time-out that is as short as this (in
#: nanoseconds).
MOST_WORK_FOR_SLEEP: Final = 300_000
MOST_WORK: Final = 1_000_000
SHORT_WAIT: Final = 1_000_000_000

#: After so many operations, one that works on and on gives way to others that could go on: more than one gets its turn
#: before a sleeper says stop. The serial schedule is more patient.
LONG_STINT: Final = 100_000
SERIAL_STINT: Final = 300_000

#: A sleep for next to nothing takes twice as many ticks each time, up to this power of two (half a millisecond), of one
#: who does nothing else: it waits for others, who may sleep for long.
YIELD: Final = 9

#: The clock goes by so many ticks at the most, as a power of two, with each look of one who does nothing but look.
JUMP: Final = 30

#: The same where that is not certain, as while there is no second thread: too little to be noticed by one who does
#: other things in between.
LOOKS_TAKE: Final = 8

#: The same where each look comes after a call of the system, which takes some time of its own.
CALLS_TAKE: Final = 4


class Points(Told):
    """A baton that is passed on at scheduling points."""

    def __init__(
        self,
        strategy: Strategy,
        origin: Origin,
        hooks: Hooks,
        *,
        max_points: int,
        patient: bool,
        naps: bool,
        futile: int = FUTILE,
        observer: Observer | None = None,
    ) -> None:
        super().__init__(strategy, origin, hooks, observer)
        self.points = 0
        self.preemptions = 0
        self.patience = SERIAL_PATIENCE if patient else PATIENCE
        #: Somebody napped: the run shows what happens if a sleep takes longer than all that others do.
        self.napped = False
        #: Time has passed because all others were in loops that only somebody who slept could end.
        self._told = False
        self._naps = naps
        self._max_points = max_points
        self._futile = futile

    def point(self, me: ControlledThread, kind: Kind, resource: object) -> None:
        """A scheduling point before an operation that can go on now.

        Raises Unwind when the run is over for this thread.
        """
        me.ops += 1
        me.kind = kind
        me.resource = resource
        if me.attention and self._attend(me):
            return
        if me.ops > me.tired:
            self.work_takes_time(me)
        if len(self.ready) > 1 and not me.atomic and (me.switchable or kind not in MEMORY):
            chosen = self._pick(me)
            if chosen is not me:
                self._preempt(me, chosen)
        if self.observer is not None:
            self.observer.operation(me, kind, resource)

    def passing(self, me: ControlledThread, kind: Kind, resource: object) -> None:
        """An operation that is no scheduling point, because nobody can tell when it happens. Raises Unwind like one."""
        me.ops += 1
        me.kind = kind
        me.resource = resource
        if me.attention:
            self._attend(me)
        if me.ops > me.tired:
            self.work_takes_time(me)
            if me.spent and len(self.ready) > 1 and not me.atomic and (me.switchable or kind not in MEMORY):
                self._preempt(me, self._pick(me))
        if self.observer is not None:
            self.observer.operation(me, kind, resource)

    def _pick(self, me: ControlledThread) -> ControlledThread:
        """Who goes on, with ``me`` and others enabled: what the strategy prefers, unless fairness asks for another."""
        self._count()
        if me.spent:
            me.spent = False
        elif me.idle <= self.patience or (me.held and me.idle <= 2 * self.patience):
            # One that gives way with a lock in hand leaves less for others to do, who may be polling for just that.
            return self.strategy.choose(self.ready, me, True)
        else:
            me.vain += me.idle
            me.idle = 0
            self.in_vain(me, 0)
            if me.naps > NAPS:
                me.naps += 1
        self.strategy.gave_way(me)
        return min((thread for thread in self.ready if thread is not me), key=_turn)

    def _count(self) -> None:
        self.points += 1
        if self.points > self._max_points and self.stuck is None:
            # Many threads that spin come here before each has done enough of it.
            self.give_up("livelock" if self._is_livelock(self._futile // LESS_FUTILE) else "limit")

    def _preempt(self, me: ControlledThread, chosen: ControlledThread) -> None:
        if older.held():
            return
        self.preemptions += 1
        self.deviations.append((me.path, me.ops, chosen.path))
        self._switch(me, chosen, True)

    def work_takes_time(self, me: ControlledThread) -> None:
        """``me`` has gone on for long: whoever sleeps meanwhile wakes up in the end, and others get their turn.

        Only so does a loop end that works until another thread, which may sleep for a while, tells it to stop.
        """
        self._ask_after(me, WORK)
        if me.atomic or me.unwinding or self.stuck is not None:
            return
        sleeper, deadline = self.clock.next()
        if sleeper is not None and self._has_slept(sleeper, deadline):
            self._wake(sleeper, deadline)
        elif self._goes_round_until_told(me):
            if not self._each_has_had_a_turn(me):
                self._ask_after(me, 0)  # who gets its turn now may be in such a loop as well
            elif sleeper is not None and self._nobody_is_early(me):
                self._told = True
                self._wake(sleeper, deadline)
                for thread in self.ready:
                    thread.turned = False
                self._ask_after(me, NEXT)
        elif me.ops - me.stint < (LONG_STINT if self.patience == PATIENCE else SERIAL_STINT):
            return
        me.stint = me.ops
        me.spent = True

    def _wake(self, sleeper: ControlledThread, deadline: int) -> None:
        self.clock.now = max(self.clock.now, deadline)
        self._expire(deadline + TOLERANCE)
        sleeper.turn = -1  # its turn comes first: others may be working until it says stop

    def _nobody_is_early(self, me: ControlledThread) -> bool:
        """Whether one sleeps, and all who do have done so for long."""
        sleepers = [each for each in self.threads if each.deadline is not None and each.slot < 0 and _sleeps(each)]
        since = self._worked(me) - (NEXT if self._told else FIRST)
        return bool(sleepers) and all(each.asleep_since <= since for each in sleepers)

    def _has_slept(self, sleeper: ControlledThread, deadline: int) -> bool:
        """Whether others have done so much meanwhile that its time is up."""
        rest = deadline - self.clock.now
        worked = self._work - sleeper.asleep_since
        # A long time-out is there for when things go wrong: work has to take all of that time.
        wakes_anyway = worked >= MOST_WORK_FOR_SLEEP if _sleeps(sleeper) else worked >= MOST_WORK and rest <= SHORT_WAIT
        return wakes_anyway or worked * OPERATION >= rest

    # ------------------------------------------------------------------ time, and looks that change nothing

    def sleep(self, me: ControlledThread, duration: int) -> None:
        """Sleeps ``duration`` nanoseconds of virtual time.

        Under the serial schedule (and where a replay says nothing else) the clock jumps and the thread goes on, unless
        it seems to poll; elsewhere it waits until nothing else can run, as it would if the duration were long.
        """
        me.ops += 1
        me.kind = "sleep"
        me.resource = duration
        if me.attention and self._attend(me):
            return
        if self.observer is not None:
            self.observer.operation(me, "sleep", duration)
        me.naps += 1
        self.in_vain(me, SLEEP)
        clock = self.clock
        if me.naps > NAPS and duration < TICK << YIELD:
            duration = max(duration, TICK << min(me.naps, YIELD))
        deadline = clock.now + duration
        lasts = self.external.is_time_real or self.signals.may_strike(deadline)
        if lasts or (not me.atomic and (len(self.ready) > 1 or self._draining or clock.next_deadline() is not None)):
            self._naps_in_a_row += 1
            patient = self._naps and not lasts and me.naps <= NAPS and self._naps_in_a_row <= NAPS_IN_A_ROW
            if not (patient and self.strategy.naps(me)):
                self._count()
                me.idle = 0
                clock.add(me, deadline)
                self._block(me, me if patient else None)
                return
            self.napped = True
        clock.now = deadline
        self._expire(deadline + TOLERANCE)

    def read_clock(self, me: ControlledThread) -> int:
        """Nanoseconds since the run began; every look takes a tick, and one that waits for the clock makes it run."""
        clock = self.clock
        if me.kind == "file":  # calls the system in between: no loop that does nothing but look
            me.idle = min(me.idle, SERIAL_PATIENCE + CALLS_TAKE * POLL)
        me.vain = -me.idle - POLL  # nothing of all that
        if self.observer is not None:
            self.observer.clock_read(me)
        me.idle += POLL
        me.looks += 1
        if (me.looks > FEW_LOOKS and self._turn_by_the_clock(me)) or me.idle > 3 * POLL:
            # Looks again and again: this may be a loop that waits for another thread until its time is up.
            if me.idle > 3 * POLL and me.naps <= NAPS and came_round(me, me.idle):
                me.naps += 1
            self.point(me, "read", clock)
            if me.idle > self.patience and self.external.count and not self.external.is_closed():
                self.external.pass_time(self.clock.next_deadline())
                self._expire(clock.now)
            elif me.idle > SERIAL_PATIENCE:
                # Alone with the clock.
                most = JUMP if current.concurrent and me.naps > NAPS else LOOKS_TAKE
                clock.now += TICK << min((me.idle - SERIAL_PATIENCE) // POLL, most)
                self._expire(clock.now)
            elif self._all_wait():
                clock.now += TICK << min(me.naps, JUMP)
                self._expire(clock.now)
        else:
            me.ops += 1
        clock.now += TICK
        return clock.now

    def looked(self, me: ControlledThread, weight: int) -> None:
        """``me`` looked at something that only others can change: a read, or an attempt that failed (POLL).

        ``weight`` is 0 for what counts already.
        A thread that does nothing else gives way at its next scheduling point; if it is alone, time passes.
        """
        me.idle += weight
        if weight > 1:
            me.vain += SLEEP - weight
        if me.idle > self.patience and me.vain + me.idle > PATIENCE:
            self._looks_on(me)

    def failed(self, me: ControlledThread, resource: object) -> None:
        """``me`` tried to take ``resource``, which another thread has."""
        state = self.hashes.get(resource, 0)
        me.state_hash = hash((me.state_hash, state, "failed"))
        before, me.attempt = me.attempt, (resource, state)
        if before is not None and before[0] is resource and before[1] != state:
            me.vain = -me.idle  # others take it and give it back: it can be had
        self.looked(me, POLL)

    def _looks_on(self, me: ControlledThread) -> None:
        """``me`` has done nothing but look for long. Time passes if it, and all who could go on, only wait."""
        if me.naps <= NAPS and came_round(me, me.vain + me.idle):
            me.naps += 1
        if not self._all_wait() or any(thread.vain + thread.idle <= PATIENCE for thread in self.ready):
            return
        deadline = self.clock.next_deadline()
        if self.external.count:
            self.external.wait(deadline)
            self._expire(self.clock.now)
        elif deadline is not None:
            self.clock.now = max(self.clock.now, deadline)
            self._expire(self.clock.now + TOLERANCE)
        elif len(self.ready) == 1:
            self.in_vain(me, 0)  # alone, it never gives way

    def in_vain(self, me: ControlledThread, weight: int) -> None:
        """``me`` did something that changed nothing for anybody. Gives the run up if nobody will do anything else."""
        me.vain += weight
        futile = ONCE_FAILED if self.failures else self._futile
        if me.vain + me.idle > futile and self._is_livelock(futile):
            self.give_up("livelock")

    def _is_livelock(self, least: int) -> bool:
        """Whether all who could change something, here or outside, did ``least`` in vain since, and nothing else."""
        if self.stuck is not None or self._draining or self.external.can_act:
            return False
        for thread in self.threads:
            is_blocked = thread.slot < 0 and thread.deadline is None
            if not (thread.ended or is_blocked or (thread.naps > NAPS and thread.vain + thread.idle > least)):
                return False
        return True

    def _all_wait(self) -> bool:
        """Whether every enabled thread was seen to wait, more than once, since it last did what others could notice."""
        return all(thread.naps > NAPS for thread in self.ready)


def _sleeps(thread: ControlledThread) -> bool:
    return thread.kind == "sleep" or isinstance(thread.thread, threading.Timer)


def _turn(thread: ControlledThread) -> int:
    return thread.turn
