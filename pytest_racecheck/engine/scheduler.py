"""The scheduler of one run: hands the baton from thread to thread and decides nothing itself.

Exactly one controlled thread, the holder of the baton, runs at any time; every other one is parked on its own gate, a
raw lock. The holder calls the scheduler at its scheduling points, before the operation. The scheduler asks the strategy
who goes on, opens that thread's gate and parks the caller: a direct hand-off, with no thread in between. All state
below belongs to the holder of the baton and needs no lock; the few things that others may touch say so.

A run is named by its deviations from the serial schedule (see `pytest_racecheck.engine.schedule`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from pytest_racecheck.engine import current, older, real
from pytest_racecheck.engine.clock import TICK, TOLERANCE, Clock, Origin
from pytest_racecheck.engine.errors import Unwind
from pytest_racecheck.engine.external import External
from pytest_racecheck.engine.operation import POLL
from pytest_racecheck.engine.thread import ControlledThread, Ready

if TYPE_CHECKING:
    from pytest_racecheck.engine.operation import Kind, Site
    from pytest_racecheck.engine.schedule import Deviation
    from pytest_racecheck.strategy.base import Strategy

Stuck = Literal["deadlock", "hang", "limit", "interrupt"]

#: A thread that did this much without effect on others gives way: a read counts 1, a failed attempt or a look at a
#: clock POLL. The serial schedule is more patient: giving way there is a preemption that it must not have.
SERIAL_PATIENCE: Final = 20_000
PATIENCE: Final = 1_000

#: Nor does a thread nap (sleep without giving way) more often than this if it did nothing else that others could
#: notice, nor, whatever it did, more often than that while they wait.
NAPS: Final = 2
NAPS_IN_A_ROW: Final = 20

#: An unwinding thread may still run clean-up code; after this many operations each further one raises again.
UNWINDING_OPERATIONS: Final = 10_000

#: What threads that the test did not wait for may still do after its body has ended, in operations of them all.
DRAIN_OPERATIONS: Final = 10_000

#: Real seconds that the main thread waits for another one to unwind before it gives that one up as lost.
UNWINDING_SECONDS: Final = 2.0


class Waitable(Protocol):
    """What a thread can wait for: a stand-in that is free or not, and knows who waits."""

    waiters: list[ControlledThread]

    def is_free(self) -> bool:
        """Whether a thread that is scheduled now gets it."""


class Recorder(Protocol):
    """Told of every operation of a run that is replayed for its report."""

    #: Where the operation stands that was told last.
    site: Site | None

    def operation(self, thread: ControlledThread, kind: Kind, resource: object) -> None:
        """``thread`` carries out its next operation now."""

    def switch(self, source: ControlledThread, target: ControlledThread, can_go_on: bool) -> None:
        """The baton goes to ``target``; a preemption if ``source`` could have gone on."""


class Hooks(Protocol):
    """What the explorer does at the turns of a run."""

    def thread_begins(self, thread: ControlledThread) -> None:
        """In the thread itself, right before its body."""

    def thread_ends(self, thread: ControlledThread) -> None:
        """In the thread itself, right after its body."""

    def stuck(self, scheduler: Scheduler) -> None:
        """In the main thread, with every other thread still where it is blocked or parked."""


class Scheduler:
    """One run of a test under one strategy.

    ``stuck`` says why the run could not go on; None while it can.
    """

    def __init__(
        self,
        strategy: Strategy,
        origin: Origin,
        hooks: Hooks,
        *,
        max_points: int,
        patient: bool,
        naps: bool,
        recorder: Recorder | None = None,
    ) -> None:
        self.strategy = strategy
        self.clock = Clock(origin)
        self.recorder = recorder
        self.external = External(self)
        self.threads: list[ControlledThread] = []
        self.by_thread: dict[int, ControlledThread] = {}
        self.ready = Ready()
        self.alive = 0
        self.points = 0
        self.preemptions = 0
        self.deviations: list[Deviation] = []
        self.failures: list[tuple[ControlledThread, BaseException]] = []
        #: State of each synchronisation object in terms of the operations that led to it, for counting traces.
        self.hashes: dict[object, int] = {}
        self.lost: list[ControlledThread] = []
        self.stuck: Stuck | None = None
        self.interrupt: BaseException | None = None
        #: Set by the watchdog: where the threads were when time ran out, and that it sent the main thread a signal.
        self.hang_stacks = ""
        self.signalled = False
        self._hooks = hooks
        self._excepthook = threading.excepthook
        self._max_points = max_points
        self.patience = SERIAL_PATIENCE if patient else PATIENCE
        self._naps = naps
        self._naps_in_a_row = 0
        #: Somebody napped: the run shows what happens if a sleep takes longer than all that others do.
        self.napped = False
        self._turn = 0
        self._draining = False
        self._drain_budget = 0
        self._ended: list[threading.Thread] = []
        self.main = self._register("0", threading.current_thread(), "")
        self.main.ident = real.get_ident()
        self.enable(self.main)

    # ------------------------------------------------------------------ threads

    def _register(self, path: str, thread: threading.Thread | None, function: str) -> ControlledThread:
        name = thread.name if thread is not None else f"thread {path}"
        child = ControlledThread(self, len(self.threads), path, name, function)
        child.thread = thread
        self.threads.append(child)
        if thread is not None:
            self.by_thread[id(thread)] = child
        self.alive += 1
        return child

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
        current.concurrent = self.alive > 1
        self.enable(child)
        return result

    def live(self, me: ControlledThread, body: Callable[[], object]) -> None:
        """The whole life of a controlled thread but the main one, called in the thread itself."""
        me.ident = real.get_ident()
        me.gate.acquire()
        try:
            if not me.unwinding:
                self._hooks.thread_begins(me)
                body()
        except (Unwind, SystemExit):
            pass
        except BaseException as error:
            if not me.unwinding:
                self._escaped(me, error)
        finally:
            self._hooks.thread_ends(me)
            self._finish(me)

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
        except BaseException as second:
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
        current.concurrent = self.alive > 1
        if me.thread is not None:
            self._ended.append(me.thread)
        if current.thread is not me:
            return  # came back late from blocking that is not ours
        if me.unwinding:
            self._hand_over(self.main)
            return
        if self.recorder is not None:
            self.recorder.operation(me, "end", None)
        for joiner in me.joiners:
            self.enable(joiner)
        for thread in self.threads:
            thread.idle = thread.naps = 0
        chosen = self._next(me, None)
        if self.recorder is not None:
            self.recorder.switch(me, chosen, False)
        self._hand_over(chosen)

    # ------------------------------------------------------------------ who is enabled

    def enable(self, thread: ControlledThread) -> None:
        """``thread`` can go on."""
        if thread.slot < 0 and not thread.ended:
            ready = self.ready
            thread.slot = len(ready)
            ready.append(thread)
            ready.grown += 1

    def disable(self, thread: ControlledThread) -> None:
        """``thread`` can't go on."""
        slot = thread.slot
        if slot >= 0:
            last = self.ready.pop()
            if last is not thread:
                self.ready[slot] = last
                last.slot = slot
            thread.slot = -1

    def freed(self, resource: Waitable) -> None:
        """``resource`` can be had: everyone who waits for it is enabled."""
        for waiter in resource.waiters:
            if waiter.waits is resource:
                self.enable(waiter)

    def taken(self, resource: Waitable) -> None:
        """``resource`` can't be had any longer: everyone who waits for it is blocked."""
        for waiter in resource.waiters:
            if waiter.waits is resource:
                self.disable(waiter)

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
        if len(self.ready) > 1 and not me.atomic and me.switchable:
            chosen = self._pick(me)
            if chosen is not me:
                self._preempt(me, chosen)
        if self.recorder is not None:
            self.recorder.operation(me, kind, resource)

    def passing(self, me: ControlledThread, kind: Kind, resource: object) -> None:
        """An operation that is no scheduling point, because nobody can tell when it happens. Raises Unwind like one."""
        me.ops += 1
        me.kind = kind
        me.resource = resource
        if me.attention:
            self._attend(me)
        if self.recorder is not None:
            self.recorder.operation(me, kind, resource)

    def _pick(self, me: ControlledThread) -> ControlledThread:
        """Who goes on, with ``me`` and others enabled: what the strategy prefers, unless fairness asks for another."""
        self._count()
        if me.idle <= self.patience:
            return self.strategy.choose(self.ready, me, True)
        me.idle = 0
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

    def obtain(
        self, me: ControlledThread, resource: Waitable, kind: Kind, timeout: int | None, is_point: bool
    ) -> bool:
        """Waits until ``resource`` is free, at most ``timeout`` nanoseconds of virtual time (None: for good).

        Returns whether it is free; the caller then takes it at once and calls `taken`. Raises Unwind when the run is
        over for this thread and the resource is not free.
        """
        me.ops += 1
        me.kind = kind
        me.resource = resource
        calm = not (me.attention and self._attend(me))
        if is_point and calm and len(self.ready) > 1 and not me.atomic and me.switchable and resource.is_free():
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
            if self.recorder is not None:
                self.recorder.operation(me, "block", resource)
            me.waits = resource
            resource.waiters.append(me)
            try:
                self._block(me)
            finally:
                resource.waiters.remove(me)
                me.waits = None
                me.deadline = None
            free = resource.is_free()
        if free and self.recorder is not None:
            self.recorder.operation(me, kind, resource)
        return free

    def join(self, me: ControlledThread, target: ControlledThread, timeout: int | None) -> bool:
        """Waits for the end of ``target``, at most ``timeout`` nanoseconds. Returns whether it has ended."""
        me.ops += 1
        me.kind = "join"
        me.resource = target
        if me.attention:
            self._attend(me)
        if not target.ended:
            if timeout is not None:
                if timeout <= 0:
                    self.looked(me, POLL)
                    return target.ended
                self.clock.add(me, self.clock.now + timeout)
            if self.recorder is not None:
                self.recorder.operation(me, "block", target)
            target.joiners.append(me)
            try:
                self._block(me)
            finally:
                target.joiners.remove(me)
                me.deadline = None
        if target.ended:
            me.state_hash = hash((me.state_hash, target.state_hash))
            if self.recorder is not None:
                self.recorder.operation(me, "join", target)
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
        if self.recorder is not None:
            self.recorder.operation(me, "sleep", duration)
        clock = self.clock
        deadline = clock.now + duration
        if not me.atomic and (len(self.ready) > 1 or self._draining or clock.next_deadline() is not None):
            me.naps += 1
            self._naps_in_a_row += 1
            patient = self._naps and me.naps <= NAPS and self._naps_in_a_row <= NAPS_IN_A_ROW
            if not (patient and self.strategy.naps(me)):
                self._count()
                me.idle = 0
                clock.add(me, deadline)
                self._block(me, me if patient else None)
                return
            self.napped = True
        clock.now = deadline
        self._expire(deadline + TOLERANCE)

    def wait_until(self, me: ControlledThread, deadline: int | None) -> None:
        """Waits for the next deadline of any thread, or ``deadline`` if that is earlier, with nothing else to wait for."""
        upcoming = self.clock.next_deadline()
        if deadline is None or (upcoming is not None and upcoming < deadline):
            deadline = upcoming
        assert deadline is not None
        me.ops += 1
        me.kind = "block"
        me.resource = None
        if me.attention and self._attend(me):
            return
        self.clock.add(me, deadline)
        try:
            self._block(me)
        finally:
            me.deadline = None

    def read_clock(self, me: ControlledThread) -> int:
        """Nanoseconds since the run began; every look takes a tick, and one that waits for the clock makes it run."""
        clock = self.clock
        me.idle += POLL
        if me.idle > 3 * POLL:
            # Looks again and again: this may be a loop that waits for another thread until its time is up.
            self.point(me, "read", clock)
            if me.idle > self.patience:
                # Alone with the clock: 1 us, 2 us, 4 us, ... so that a busy wait of a minute takes a few dozen looks.
                clock.now += TICK << min((me.idle - self.patience) // POLL, 30)
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
        if me.idle > self.patience and len(self.ready) == 1:
            deadline = self.clock.next_deadline()
            if deadline is not None:
                self.clock.now = max(self.clock.now, deadline)
                self._expire(self.clock.now + TOLERANCE)

    def give_way(self, me: ControlledThread) -> None:
        """Lets another thread go on, whatever the strategy prefers. Does nothing when no other can."""
        me.idle = self.patience + 1
        self.point(me, "block", None)

    # ------------------------------------------------------------------ switching

    def _block(self, me: ControlledThread, default: ControlledThread | None = None) -> None:
        """Parks ``me``, which can't go on, until somebody enables and schedules it."""
        if me.unwinding:
            raise Unwind
        self.disable(me)
        chosen = self._next(me, default)
        if chosen is not me:
            self._switch(me, chosen, False)
        elif me.attention:
            self._attend(me)

    def _next(self, me: ControlledThread, default: ControlledThread | None) -> ControlledThread:
        """Who runs now that ``me`` can't. The clock jumps when nobody can; the main thread, when the run is stuck."""
        ready = self.ready
        while not ready or self.external.arrivals:
            if self.external.arrivals:
                self.external.admit()
            elif self._draining or self.stuck is not None:
                return self.main
            elif self.external.count:
                self.external.wait(self.clock.next_deadline(), me)
                self._expire(self.clock.now)
            else:
                deadline = self.clock.next_deadline()
                if deadline is None:
                    self.give_up("deadlock")
                    return self.main
                self.clock.now = max(self.clock.now, deadline)
                self._expire(self.clock.now + TOLERANCE)
        if self._draining and not _has_lasting(ready):
            return self.main
        chosen = ready[0] if len(ready) == 1 else self.strategy.choose(ready, me, False)
        if default is None:
            default = me if me.slot >= 0 else min(ready, key=_index)
        if chosen is not default:
            self.deviations.append((me.path, me.ops, chosen.path))
        return chosen

    def _expire(self, until: int) -> None:
        for thread in self.clock.expired(until):
            # Enabled by the clock, not by what it waits for: nobody who takes that may disable it again.
            thread.waits = None
            self.enable(thread)

    def _switch(self, me: ControlledThread, chosen: ControlledThread, can_go_on: bool) -> None:
        if self.recorder is not None:
            self.recorder.switch(me, chosen, can_go_on)
        self._hand_over(chosen)
        self.park(me)
        while me.slot < 0 and not me.attention and not self._draining:
            # Not enabled, yet handed the baton: the others are outside, and somebody has to mind the clock for them.
            chosen = self._next(me, None)
            if chosen is not me:
                self._hand_over(chosen)
                self.park(me)
        if self._ended:
            self.reap()
        if me.attention:
            self._attend(me)

    def pass_on(self, me: ControlledThread) -> bool:
        """Hands the baton on without parking ``me``. Returns False when there is nobody to take it."""
        if self.ready:
            self._hand_over(self._next(me, None))
            return True
        for thread in self.threads:
            if thread is not me and not thread.ended and thread not in self.external.threads:
                self._hand_over(thread)
                return True
        return False

    def _hand_over(self, chosen: ControlledThread) -> None:
        self._turn += 1
        self._naps_in_a_row = 0
        chosen.turn = self._turn
        current.thread = chosen
        chosen.gate.release()

    def park(self, me: ControlledThread) -> None:
        """Waits at the gate of ``me`` until it is handed the baton."""
        if me is self.main:
            self._park_main(me)
        else:
            me.gate.acquire()

    def _park_main(self, me: ControlledThread) -> None:
        """Parks the main thread, the only one that signals reach: Ctrl-C and the time-out arrive here."""
        while True:
            try:
                if self.interrupt is None:
                    me.gate.acquire()
                    return
                if not me.gate.acquire(timeout=UNWINDING_SECONDS):
                    self._lose(current.thread)
                    current.thread = me
                return
            except BaseException as error:
                self.interrupt = error
                self.give_up("interrupt")

    def _lose(self, holder: ControlledThread | None) -> None:
        """The holder of the baton does not come back: it must not run on when it wakes up after all."""
        if holder is not None and holder is not self.main and not holder.ended:
            holder.unwinding = 1
            holder.attention = True
            holder.ended = True
            self.disable(holder)
            self.alive -= 1
            self.lost.append(holder)

    def reap(self) -> None:
        """Waits for the real end of the threads that have ended, so that enumerate() and is_alive() tell no lies."""
        while self._ended:
            real.thread_join(self._ended.pop())

    # ------------------------------------------------------------------ the end of a run

    def give_up(self, why: Stuck) -> None:
        """The run can't go on; the main thread learns of it at once if it holds the baton, else as soon as it gets it.

        May be called from any thread.
        """
        if self.stuck is None:
            self.stuck = why
        self.main.attention = True
        holder = current.thread
        if holder is not None:
            holder.attention = True

    def _attend(self, me: ControlledThread) -> bool:
        """The slow path of a scheduling point. Returns whether the thread is unwinding: no more switches then."""
        if me.unwinding:
            me.unwinding += 1
            if me.unwinding == 2 or me.unwinding > UNWINDING_OPERATIONS:
                raise Unwind
            return True
        if self.external.arrivals:
            self.external.admit()
        if self._draining and self.stuck is None:
            self._drain_budget -= 1
            if self._drain_budget <= 0 and me is not self.main:
                self._switch(me, self.main, False)
        elif self.stuck is None:
            me.attention = False
        elif me is not self.main:
            self._switch(me, self.main, False)
        else:
            me.quiet += 1
            self._hooks.stuck(self)
            me.quiet -= 1
            me.unwinding = 1
            self._attend(me)
        return False

    def main_continues(self) -> None:
        """The main thread has left the code under test, whether unwound or not, and goes on with what the tool does."""
        self.main.unwinding = 0
        self.main.attention = False
        self.main.atomic = 0

    def drain(self) -> None:
        """Lets the other threads go on until each has ended, is blocked or sleeps. Called at the end of the test body.

        Only for the sake of threads that are no daemons: the interpreter would wait for these, too.
        """
        me = self.main
        if self.stuck is None and _has_lasting(self.ready, me):
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
        index = 1
        while index < len(self.threads):
            thread = self.threads[index]
            index += 1
            if thread.ended:
                continue
            thread.unwinding = 1
            thread.attention = True
            if thread in self.external.threads:
                self.external.abandon(thread)
                continue
            current.thread = thread
            thread.gate.release()
            if not self.main.gate.acquire(timeout=UNWINDING_SECONDS):
                self._lose(thread)
            current.thread = self.main
        current.concurrent = False
        self.reap()


def _has_lasting(threads: Ready, but: ControlledThread | None = None) -> bool:
    return any(each is not but and (each.thread is None or not each.thread.daemon) for each in threads)


def _index(thread: ControlledThread) -> int:
    return thread.index


def _turn(thread: ControlledThread) -> int:
    return thread.turn
