"""The baton of one run: who is enabled, who holds it, and how it goes from thread to thread.

Exactly one controlled thread, the holder of the baton, runs at any time; every other one is parked on its own gate, a
raw lock. Hand-off is direct: the holder opens the next thread's gate and parks itself, with no thread in between. All
state here belongs to the holder and needs no lock; the few things that others may touch say so.

A run is named by its deviations from the serial schedule (see `pytest_racecheck.engine.schedule`).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Literal, Protocol

from pytest_racecheck.engine import current, real
from pytest_racecheck.engine.clock import TOLERANCE, Clock, Origin
from pytest_racecheck.engine.errors import Unwind
from pytest_racecheck.engine.external import External
from pytest_racecheck.engine.signals import Signals
from pytest_racecheck.engine.thread import WORK, ControlledThread, Ready

if TYPE_CHECKING:
    from pytest_racecheck.engine.carriers import Carriers
    from pytest_racecheck.engine.observer import Observer
    from pytest_racecheck.engine.schedule import Deviation
    from pytest_racecheck.strategy.base import Strategy

Stuck = Literal["deadlock", "livelock", "hang", "limit", "interrupt"]

#: An unwinding thread may still run clean-up code; after this many operations each further one raises again.
UNWINDING_OPERATIONS: Final = 10_000

#: Real seconds that the main thread waits for another one to unwind before it gives that one up as lost.
UNWINDING_SECONDS: Final = 2.0


class Waitable(Protocol):
    """What a thread can wait for: a stand-in that is free or not, and knows who waits."""

    waiters: list[ControlledThread]

    def is_free(self) -> bool:
        """Whether a thread that is scheduled now gets it."""


class Hooks(Protocol):
    """What the explorer does at the turns of a run, and what it has for all of them."""

    carriers: Carriers

    def thread_begins(self, thread: ControlledThread) -> None:
        """In the thread itself, right before its body."""

    def thread_ends(self, thread: ControlledThread) -> None:
        """In the thread itself, right after its body."""

    def stuck(self, baton: Baton) -> None:
        """In the main thread, with every other thread still where it is blocked or parked."""


class Baton:
    """The threads of one run, and the one of them that runs.

    ``stuck`` says why the run could not go on; None while it can.
    """

    def __init__(
        self,
        strategy: Strategy,
        origin: Origin,
        hooks: Hooks,
        observer: Observer | None,
    ) -> None:
        self.strategy = strategy
        self.carriers = hooks.carriers
        self.clock = Clock(origin)
        self.observer = observer
        self.external = External(self)
        self.signals = Signals(self)
        self.threads: list[ControlledThread] = []
        self.by_thread: dict[int, ControlledThread] = {}
        self.ready = Ready()
        self.alive = 0
        #: How many have ended without another thread having waited for that.
        self.unjoined = 0
        self.deviations: list[Deviation] = []
        self.failures: list[tuple[ControlledThread, BaseException]] = []
        #: State of each synchronisation object in terms of the operations that led to it, for counting traces.
        self.hashes: dict[object, int] = {}
        #: How many threads have got a hash of their own.
        self.hashed = 0
        self.lost: list[ControlledThread] = []
        self.stuck: Stuck | None = None
        self.interrupt: BaseException | None = None
        self._hooks = hooks
        #: Another one than this was put in place by the test itself.
        self._excepthook = threading.excepthook
        self._turn = 0
        self._naps_in_a_row = 0
        #: How many operations the threads have done together, up to those that are not counted yet (see `WORK`).
        self._work = 0
        self._draining = False
        self._drain_budget = 0
        self._ended: list[ControlledThread] = []
        self.main = self._register("0", threading.current_thread(), "")
        self.main.ident = real.get_ident()
        self.main.native_id = real.get_native_id()
        self.enable(self.main)

    def _register(self, path: str, thread: threading.Thread | None, function: str) -> ControlledThread:
        name = thread.name if thread is not None else f"thread {path}"
        child = ControlledThread(self, len(self.threads), path, name, function)  # type: ignore[arg-type]
        child.thread = thread
        self.threads.append(child)
        if thread is not None:
            self.by_thread[id(thread)] = child
        self.alive += 1
        return child

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

    # ------------------------------------------------------------------ switching

    def _block(self, me: ControlledThread, default: ControlledThread | None = None) -> None:
        """Parks ``me``, which can't go on, until somebody enables and schedules it."""
        if me.unwinding:
            raise Unwind
        if me.deadline is not None:
            me.asleep_since = self._work + WORK - (me.tired - me.ops)
        self.disable(me)
        try:
            chosen = self._next(me, default)
        except BaseException:
            self.enable(me)  # while it minded the world for all: a handler of a signal raised, its wait is over
            raise
        if chosen is not me:
            self._switch(me, chosen, False)
        elif me.attention:
            self._attend(me)

    def _next(self, me: ControlledThread, default: ControlledThread | None) -> ControlledThread:
        """Who runs now that ``me`` can't. The clock jumps when nobody can; the main thread, when the run is stuck."""
        ready = self.ready
        while not ready or self.external.news:
            if self.external.news:
                self.external.admit()
            elif self._draining or self.stuck is not None:
                return self.main
            elif not self._time_passes():
                self.give_up("deadlock")
                return self.main
        if self._draining and not has_lasting(ready):
            return self.main
        chosen = ready[0] if len(ready) == 1 else self.strategy.choose(ready, me, False)
        if default is None:
            default = me if me.slot >= 0 else min(ready, key=_index)
        if chosen is not default:
            self.deviations.append((me.path, me.ops, chosen.path))
        return chosen

    def _time_passes(self) -> bool:
        """Nobody can go on: waits for the world outside, or the clock jumps. False if there is nothing to wait for."""
        external, clock = self.external, self.clock
        deadline = clock.next_deadline()
        if external.count or (deadline is not None and external.is_time_real):
            external.wait(deadline)
            self._expire(clock.now + (0 if external.threads else TOLERANCE))
        elif self.signals.wait_for_timer(deadline):
            self._expire(clock.now)
        elif not (self._somebody_waits() and external.wait_for_release()):
            if deadline is None:
                return False
            clock.now = max(clock.now, deadline)
            self._expire(clock.now + TOLERANCE)
        return True

    def _somebody_waits(self) -> bool:
        """Whether a thread waits for a lock or a queue, and not only for time to pass or for another thread's end."""
        return any(thread.waits is not None and not thread.ended for thread in self.threads)

    def _expire(self, until: int) -> None:
        for thread in self.clock.expired(until):
            if self.observer is not None:
                self.observer.woken(thread)
            # Enabled by the clock, not by what it waits for: nobody who takes that may disable it again.
            thread.waits = None
            self.enable(thread)

    def _switch(self, me: ControlledThread, chosen: ControlledThread, can_go_on: bool) -> None:
        if self.observer is not None:
            self.observer.switch(me, chosen, can_go_on)
        self._hand_over(chosen)
        self.park(me)
        while me.slot < 0 and self.stuck is None and not me.unwinding and not self._draining:
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
        chosen.stint = chosen.ops
        last = current.thread
        # What is left until the clock is asked is left to all of them together.
        chosen.tired = chosen.ops + (WORK if last is None else last.tired - last.ops)
        chosen.spent = False
        if self.external.threads:
            chosen.attention = True
        current.thread = chosen
        chosen.gate.release()

    def park(self, me: ControlledThread) -> None:
        """Waits at the gate of ``me`` until it is handed the baton."""
        if me is self.main:
            self.signals.remind()
            self._park_main(me)
        else:
            me.gate.acquire()

    def _park_main(self, me: ControlledThread) -> None:
        """Parks the main thread, the only one that signals reach: Ctrl-C and the time-out arrive here."""
        deadline = 0.0
        while True:
            try:
                if self.interrupt is None:
                    self._wait_patiently(me)
                    return
                # One deadline for all attempts: the next signal may arrive before it.
                deadline = deadline or real.monotonic() + UNWINDING_SECONDS
                if not me.gate.acquire(timeout=max(0.0, deadline - real.monotonic())):
                    self._lose(current.thread)
                    current.thread = me
                return
            except BaseException as error:  # noqa: BLE001 - raised again when the run has ended
                if self.signals.takes(error):
                    if current.thread is not me:
                        continue
                    # The signal came together with the baton. It is not at the gate if it was taken there already.
                    self.external.minding = True
                    me.gate.acquire(timeout=UNWINDING_SECONDS / 20)
                    self.external.minding = False
                    return
                self.interrupt = error
                self.give_up("interrupt")

    def _wait_patiently(self, me: ControlledThread) -> None:
        """Waits for the baton, or until the run is given up and its holder blocks where nothing reaches it.

        Does not rely on a signal: the test may have its own handler, or ignore it.
        """
        late = 0
        while not me.gate.acquire(timeout=UNWINDING_SECONDS / 2):
            late += self.stuck is not None
            if late > 1:
                self._lose(current.thread)
                current.thread = me
                return

    def _lose(self, holder: ControlledThread | None) -> None:
        """The holder of the baton does not come back: it must not run on when it wakes up after all."""
        if holder is not None and holder is not self.main and not holder.ended:
            holder.unwinding = 1
            holder.attention = True
            holder.ended = True
            self.disable(holder)
            self.alive -= 1
            self.lost.append(holder)
            if holder.ident is not None:
                current.strays[holder.ident] = holder
            from pytest_racecheck.engine.leftover import let_go

            let_go(holder)

    def reap(self) -> None:
        """Waits for the real end of the threads that have ended, so that enumerate() and is_alive() tell no lies."""
        while self._ended:
            ended = self._ended.pop()
            if ended.carried is not None:
                ended.carried.join()
            elif ended.thread is not None:
                real.thread_join(ended.thread)

    def dissolve(self) -> None:
        """The run is over: breaks the circles of references, so that its objects go without the collector's help.

        Unless threads are left that may still come back to it.
        """
        if not self.lost and not self.external.threads and self.alive == 1:
            for thread in self.threads:
                del thread.scheduler
                thread.location = thread.also = thread.resource = thread.moment = thread.attempt = thread.watch = None
            del self.external, self.signals

    # ------------------------------------------------------------------ the end of a run

    def give_up(self, why: Stuck) -> None:
        """The run can't go on; the main thread learns of it at once if it holds the baton, else as soon as it gets it.

        May be called from any thread.
        """
        if self.stuck is None:
            self.stuck = why
        if why == "deadlock" and self.observer is not None:
            self.observer.deadlock(self.threads)
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
        if me is self.main and self.stuck is None:
            self.signals.raise_now()
        if self.external.threads:
            self.external.settle()
        if self.external.news:
            self.external.admit()
        if self._draining and self.stuck is None:
            self._drain_budget -= 1
            if self._drain_budget <= 0 and me is not self.main:
                self._switch(me, self.main, False)
        elif self.stuck is None:
            me.attention = bool(self.external.threads)
        elif me is not self.main:
            self._switch(me, self.main, False)
        else:
            me.quiet += 1
            self._hooks.stuck(self)
            me.quiet -= 1
            me.unwinding = 1
            self._attend(me)
        return False


def has_lasting(threads: Ready, but: ControlledThread | None = None) -> bool:
    """Whether a thread that the interpreter would wait for is among them."""
    return any(each is not but and (each.thread is None or not each.thread.daemon) for each in threads)


def _index(thread: ControlledThread) -> int:
    return thread.index
