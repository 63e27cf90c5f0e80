"""The scheduler of one run: the life of its threads, what they wait for, and its end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.engine import current, real
from pytest_racecheck.engine.baton import UNWINDING_SECONDS, Waitable, has_lasting
from pytest_racecheck.engine.errors import Unwind, forget_frames
from pytest_racecheck.engine.operation import POLL
from pytest_racecheck.engine.points import SLEEP, Points
from pytest_racecheck.engine.pools import pools_let_go

if TYPE_CHECKING:
    from pytest_racecheck.engine.operation import Kind
    from pytest_racecheck.engine.thread import ControlledThread

#: What threads that the test did not wait for may still do after its body has ended, in operations of them all.
DRAIN_OPERATIONS: Final = 10_000


class Scheduler(Points):
    """One run of a test under one strategy."""

    # ------------------------------------------------------------------ threads

    def spawn(
        self,
        me: ControlledThread,
        thread: threading.Thread | None,
        function: str,
        start: Callable[[ControlledThread], Any],
    ) -> Any:
        """A new controlled thread: ``start`` starts the real one, which parks until it is scheduled first.

        ``me`` is right behind the scheduling point of that.
        """
        me.children += 1
        child = self._register(f"{me.path}.{me.children}", thread, function)
        child.state_hash = me.state_hash = hash((me.state_hash, me.children))
        if self.observer is not None:
            self.observer.started(me, child)
        me.idle = me.naps = me.vain = 0
        me.quiet += 1
        try:
            result = start(child)
        except BaseException:
            child.ended = True
            self.alive -= 1
            raise
        finally:
            me.quiet -= 1
        current.concurrent = True
        self.enable(child)
        return result

    def live(self, me: ControlledThread, body: Callable[[], object]) -> None:
        """The whole life of a controlled thread but the main one, called in the thread itself."""
        if me.carried is not None:
            me.quiet -= 1
        else:
            me.ident = real.get_ident()
            me.native_id = real.get_native_id()
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
        me.resource = me.moment = me.watch = None
        me.ended = True
        me.deadline = None
        self.disable(me)
        self.alive -= 1
        self.unjoined += 1
        if me.thread is not None:
            self._ended.append(me)
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
            thread.idle = thread.naps = thread.vain = 0
        chosen = self._next(me, None)
        if self.observer is not None:
            self.observer.switch(me, chosen, False)
        self._hand_over(chosen)

    # ------------------------------------------------------------------ waits

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
        if me.ops > me.tired or me.idle > self.patience:
            self._goes_on_and_on(me)
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
            me.waits = resource
            self._wait_among(me, resource, resource.waiters)
            free = resource.is_free()
            if not free:
                self._timed_out(me)
        if self.observer is not None:
            self.observer.operation(me, kind if free else "timeout", resource)
        return free

    def _goes_on_and_on(self, me: ControlledThread) -> None:
        if me.ops > me.tired:
            self.work_takes_time(me)
        if me.idle > self.patience:
            self.looked(me, 0)  # a loop over nothing but a lock, as in ``while queue.empty(): pass``

    def _wait_among(self, me: ControlledThread, resource: object, waiters: list[ControlledThread]) -> None:
        """Blocks until somebody enables ``me``, one of the ``waiters`` for ``resource``, or its deadline is over."""
        if self.observer is not None:
            self.observer.operation(me, "block", resource)
        waiters.append(me)
        try:
            self._block(me)
        finally:
            waiters.remove(me)
            me.waits = None
            me.deadline = None
        # Mutual exclusion is no sign of that.
        me.caught_up = me.caught_up or me.kind != "acquire" or resource.origin.private  # type: ignore[attr-defined]
        me.vain += me.idle
        me.idle = 0

    def _timed_out(self, me: ControlledThread) -> None:
        me.naps += 1
        self.in_vain(me, SLEEP)

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
            self._wait_among(me, target, target.joiners)
            if not target.ended:
                self._timed_out(me)
        if target.ended:
            me.state_hash = hash((me.state_hash, target.state_hash))
            if not target.joined:
                target.joined = True
                self.unjoined -= 1
                current.concurrent = self.alive > 1 or self.unjoined > 0
        if self.observer is not None:
            self.observer.operation(me, "join" if target.ended else "timeout", target)
        return target.ended

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
            left = [each.thread for each in self.threads[1:] if each.thread is not None and not each.ended]
            with pools_let_go(left):
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
