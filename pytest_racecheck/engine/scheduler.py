"""The scheduler of one run: the life of its threads, and the scheduling points at which they meet it.

A scheduling point comes before its operation. The scheduler asks the strategy who goes on and decides nothing itself,
but for fairness: a thread that only polls gives way.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.engine import current, older, real
from pytest_racecheck.engine.baton import UNWINDING_SECONDS, Baton, Hooks, Waitable, has_lasting
from pytest_racecheck.engine.clock import TICK, TOLERANCE, Origin
from pytest_racecheck.engine.errors import Unwind, forget_frames
from pytest_racecheck.engine.operation import MEMORY, POLL
from pytest_racecheck.engine.pools import pools_silenced

if TYPE_CHECKING:
    from pytest_racecheck.engine.observer import Observer
    from pytest_racecheck.engine.operation import Kind
    from pytest_racecheck.engine.thread import ControlledThread
    from pytest_racecheck.strategy.base import Strategy

#: A thread that did this much without effect on others gives way: a read counts 1, a failed attempt or a look at a
#: clock POLL. The serial schedule is more patient: giving way there is a preemption that it must not have.
SERIAL_PATIENCE: Final = 20_000
PATIENCE: Final = 1_000

#: Nor does a thread nap (sleep without giving way) more often than this if it did nothing else that others could
#: notice, nor, whatever it did, more often than that while they wait.
NAPS: Final = 2
NAPS_IN_A_ROW: Final = 20

#: What threads that the test did not wait for may still do after its body has ended, in operations of them all.
DRAIN_OPERATIONS: Final = 10_000


class Scheduler(Baton):
    """One run of a test under one strategy."""

    def __init__(
        self,
        strategy: Strategy,
        origin: Origin,
        hooks: Hooks,
        *,
        max_points: int,
        patient: bool,
        naps: bool,
        observer: Observer | None = None,
    ) -> None:
        super().__init__(strategy, origin, hooks, observer)
        self.points = 0
        self.preemptions = 0
        self.patience = SERIAL_PATIENCE if patient else PATIENCE
        #: Somebody napped: the run shows what happens if a sleep takes longer than all that others do.
        self.napped = False
        self._naps = naps
        self._max_points = max_points
        self._excepthook = threading.excepthook

    # ------------------------------------------------------------------ threads

    def spawn(
        self,
        me: ControlledThread,
        thread: threading.Thread | None,
        function: str,
        start: Callable[[ControlledThread], Any],
    ) -> Any:
        """A new controlled thread: ``start`` starts the real one, which parks until it is scheduled first."""
        self.point(me, "start", thread)
        me.children += 1
        child = self._register(f"{me.path}.{me.children}", thread, function)
        child.state_hash = me.state_hash = hash((me.state_hash, me.children))
        if self.observer is not None:
            self.observer.started(me, child)
        me.idle = 0
        me.quiet += 1
        try:
            result = start(child)
        except BaseException:
            child.ended = True
            self.alive -= 1
            raise
        finally:
            me.quiet -= 1
        self._update_concurrent()
        self.enable(child)
        return result

    def live(self, me: ControlledThread, body: Callable[[], object]) -> None:
        """The whole life of a controlled thread but the main one, called in the thread itself."""
        me.ident = real.get_ident()
        me.native_id = threading.get_native_id()
        me.gate.acquire()
        try:
            if not me.unwinding:
                self._hooks.thread_begins(me)
                body()
        except (Unwind, SystemExit) as end:
            forget_frames(end)
        except BaseException as error:  # noqa: BLE001 - it is the test's, and told
            if self._is_back(me):
                self._escaped(me, error)
        finally:
            self._is_back(me)
            self._hooks.thread_ends(me)
            self._finish(me)

    def _is_back(self, me: ControlledThread) -> bool:
        """Waits for the baton if ``me`` lost it while it blocked. Returns whether its run still goes on."""
        if me.ident in current.strays:
            with suppress(Unwind):
                current.come_back()
            current.strays.pop(me.ident or 0, None)
        return not me.unwinding

    def _escaped(self, me: ControlledThread, error: BaseException) -> None:
        hook = threading.excepthook
        if hook is self._excepthook or me.thread is None:
            self.failures.append((me, error))
            return
        # The test brought a hook of its own: it deals with the exceptions of its threads itself.
        try:
            hook(threading.ExceptHookArgs((type(error), error, error.__traceback__, me.thread)))
        except Unwind:
            pass
        except BaseException as second:  # noqa: BLE001 - it is the test's, and told
            self.failures.append((me, second))

    def _finish(self, me: ControlledThread) -> None:
        """Ends ``me`` and hands the baton on without parking; after that the thread belongs to the system again."""
        if me.ended:
            return  # given up as lost meanwhile
        me.ops += 1
        me.kind = "end"
        me.resource = None
        me.ended = True
        me.deadline = None
        self.disable(me)
        self.alive -= 1
        self.unjoined += 1
        self._update_concurrent()
        if me.thread is not None:
            self._ended.append(me.thread)
        if current.thread is not me:
            return  # came back late from blocking that is not ours
        if me.unwinding:
            self._hand_over(self.main)
            return
        if self.observer is not None:
            self.observer.operation(me, "end", None)
        for joiner in me.joiners:
            self.enable(joiner)
        for thread in self.threads:
            thread.idle = thread.naps = 0
        chosen = self._next(me, None)
        if self.observer is not None:
            self.observer.switch(me, chosen, False)
        self._hand_over(chosen)

    # ------------------------------------------------------------------ scheduling points

    def point(self, me: ControlledThread, kind: Kind, resource: object) -> None:
        """A scheduling point before an operation that can go on now.

        Raises Unwind when the run is over for this thread.
        """
        me.ops += 1
        me.kind = kind
        me.resource = resource
        if me.attention and self._attend(me):
            return
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
        if self.observer is not None:
            self.observer.operation(me, kind, resource)

    def _pick(self, me: ControlledThread) -> ControlledThread:
        """Who goes on, with ``me`` and others enabled: what the strategy prefers, unless fairness asks for another."""
        self._count()
        if me.idle <= self.patience:
            return self.strategy.choose(self.ready, me, True)
        me.idle = 0
        me.naps += 1
        self.strategy.gave_way(me)
        return min((thread for thread in self.ready if thread is not me), key=_turn)

    def _count(self) -> None:
        self.points += 1
        if self.points > self._max_points and self.stuck is None:
            self.give_up("limit")

    def _preempt(self, me: ControlledThread, chosen: ControlledThread) -> None:
        if older.held():
            return
        self.preemptions += 1
        self.deviations.append((me.path, me.ops, chosen.path))
        self._switch(me, chosen, True)

    def obtain(self, me: ControlledThread, resource: Waitable, kind: Kind, timeout: int | None, is_point: bool) -> bool:
        """Waits until ``resource`` is free, at most ``timeout`` nanoseconds of virtual time (None: for good).

        Returns whether it is free; the caller then takes it at once and calls `taken`. Raises Unwind when the run is
        over for this thread and the resource is not free.
        """
        me.ops += 1
        me.kind = kind
        me.resource = resource
        me.limit = timeout
        calm = not (me.attention and self._attend(me))
        if is_point and calm and len(self.ready) > 1 and not me.atomic and resource.is_free():
            chosen = self._pick(me)
            if chosen is not me and timeout is not None:
                # Enabled all the time: it waits no longer than its time-out for what others may take now.
                self._preempt(me, chosen)
            elif chosen is not me:
                # Parked right before taking it: whoever takes it first disables this thread.
                me.waits = resource
                resource.waiters.append(me)
                try:
                    self._preempt(me, chosen)
                finally:
                    resource.waiters.remove(me)
                    me.waits = None
        free = resource.is_free()
        if not free:
            if timeout is not None:
                if timeout <= 0:
                    self.looked(me, POLL)
                    return False
                self.clock.add(me, self.clock.now + timeout)
            me.ops += 1  # a choice of its own, after the one before the attempt
            if self.observer is not None:
                self.observer.operation(me, "block", resource)
            me.waits = resource
            resource.waiters.append(me)
            try:
                self._block(me)
            finally:
                resource.waiters.remove(me)
                me.waits = None
                me.deadline = None
            free = resource.is_free()
        if self.observer is not None:
            self.observer.operation(me, kind if free else "timeout", resource)
        return free

    def join(self, me: ControlledThread, target: ControlledThread, timeout: int | None) -> bool:
        """Waits for the end of ``target``, at most ``timeout`` nanoseconds. Returns whether it has ended."""
        if timeout is not None and timeout <= 0:
            self.point(me, "read", target)
            self.looked(me, POLL)
            return target.ended
        me.ops += 1
        me.kind = "join"
        me.resource = target
        if me.attention:
            self._attend(me)
        if not target.ended:
            if timeout is not None:
                self.clock.add(me, self.clock.now + timeout)
            if self.observer is not None:
                self.observer.operation(me, "block", target)
            target.joiners.append(me)
            try:
                self._block(me)
            finally:
                target.joiners.remove(me)
                me.deadline = None
        if target.ended:
            me.state_hash = hash((me.state_hash, target.state_hash))
            if not target.joined:
                target.joined = True
                self.unjoined -= 1
                self._update_concurrent()
        if self.observer is not None:
            self.observer.operation(me, "join" if target.ended else "timeout", target)
        return target.ended

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
        clock = self.clock
        deadline = clock.now + duration
        lasts = self.external.is_time_real
        if lasts or (not me.atomic and (len(self.ready) > 1 or self._draining or clock.next_deadline() is not None)):
            me.naps += 1
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
        if self.observer is not None:
            self.observer.clock_read(me)
        me.idle += POLL
        if me.idle > 3 * POLL:
            # Looks again and again: this may be a loop that waits for another thread until its time is up.
            self.point(me, "read", clock)
            if me.idle > self.patience and self.external.count:
                self.external.wait(self.clock.next_deadline())
                self._expire(clock.now)
            elif me.idle > self.patience:
                # Alone with the clock: 1 us, 2 us, 4 us, ... so that a busy wait of a minute takes a few dozen looks.
                clock.now += TICK << min((me.idle - self.patience) // POLL, 30)
                self._expire(clock.now)
            elif self._all_poll():
                clock.now += TICK << min(me.naps, 30)
                self._expire(clock.now)
        else:
            me.ops += 1
        clock.now += TICK
        return clock.now

    def looked(self, me: ControlledThread, weight: int) -> None:
        """``me`` looked at something that only others can change: a read, or an attempt that failed (POLL).

        A thread that does nothing else gives way at its next scheduling point; if it is alone, time passes.
        """
        me.idle += weight
        if me.idle > self.patience and (len(self.ready) == 1 or self._all_poll()):
            deadline = self.clock.next_deadline()
            if self.external.count:
                self.external.wait(deadline)
                self._expire(self.clock.now)
            elif deadline is not None:
                self.clock.now = max(self.clock.now, deadline)
                self._expire(self.clock.now + TOLERANCE)

    def _all_poll(self) -> bool:
        """Whether every enabled thread has given way more than once and done nothing since that others could notice."""
        return all(thread.naps > NAPS for thread in self.ready)

    # ------------------------------------------------------------------ the end of a run

    def main_continues(self) -> None:
        """The main thread has left the code under test, whether unwound or not, and goes on with what the tool does."""
        self._is_back(self.main)
        self.main.unwinding = 0
        self.main.attention = False
        self.main.atomic = 0

    def drain(self) -> None:
        """Lets the other threads go on until each has ended, is blocked or sleeps. Called at the end of the test body.

        Only for the sake of threads that are no daemons: the interpreter would wait for these, too.
        """
        me = self.main
        self._is_back(me)
        if self.stuck is None and has_lasting(self.ready, me):
            self._draining = True
            self._drain_budget = DRAIN_OPERATIONS
            for thread in self.threads:
                thread.attention = True
            me.ops += 1
            try:
                self._block(me)
            finally:
                self._draining = False
                self.enable(me)

    def unwind(self) -> None:
        """Ends every other thread, by raising Unwind where it is; called by the main thread, which holds the baton."""
        self.stuck = self.stuck or "interrupt"
        if self.alive > 1:
            with pools_silenced():
                self._unwind_others()
        current.concurrent = False
        self.reap()

    def _unwind_others(self) -> None:
        self.external.abandon()
        index = 1
        while index < len(self.threads):
            thread = self.threads[index]
            index += 1
            if thread.ended:
                continue
            thread.unwinding = 1
            thread.attention = True
            if thread in self.external.threads:
                continue  # until it comes back
            current.thread = thread
            thread.gate.release()
            if not self.main.gate.acquire(timeout=UNWINDING_SECONDS):
                self._lose(thread)
            current.thread = self.main


def _turn(thread: ControlledThread) -> int:
    return thread.turn
