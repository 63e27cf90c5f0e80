"""Watches the threads of one run: when they start and end, and what they wait for in locks, queues and joins.

For the time of the run the methods of the stand-ins in ``primitives`` are exchanged for others that try first, and
only when that fails take the time. So a lock that is free costs what it costs without, every lock that was made under
the plugin is seen, and nothing is left behind. Locks that are not ours (made in C) wait unseen.
"""

from __future__ import annotations

import threading
from queue import Empty
from sys import _getframe
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.engine import current, real
from pytest_racecheck.gil import clocks
from pytest_racecheck.gil.clocks import NOTHING, Reading
from pytest_racecheck.gil.watched import LOCK, SIGNAL, TIME, Watched, function_of
from pytest_racecheck.primitives.lock import Lock, check_timeout
from pytest_racecheck.primitives.patches import Patches
from pytest_racecheck.primitives.rlock import RLock
from pytest_racecheck.primitives.simple_queue import SimpleQueue

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from pytest_racecheck.gil.lock_detail import LockDetail
    from pytest_racecheck.gil.turns import Turns

_CONDITION_WAIT: Final = threading.Condition.wait.__code__
_SEMAPHORE_ACQUIRE: Final = threading.Semaphore.acquire.__code__

_watching = False


class Watch:
    """Watches the calling thread, as `main`, and all threads that it and those start. One at a time in a process.

    With ``turns`` they run one after the other; ``detail`` wants to know more about locks, which costs time.
    RuntimeError, on entering, for a second one, and under the control of the engine.
    """

    def __init__(self, turns: Turns | None = None, detail: LockDetail | None = None) -> None:
        self.main = Watched(threading.current_thread().name, "")
        #: In the order in which they were started; each has begun.
        self.threads: list[Watched] = []
        self.errors: list[BaseException] = []
        #: Wall time at the first start and at the last end of a thread; 0 while there is none.
        self.first_start = 0
        self.last_end = 0
        #: The main thread from the first of these moments to the second.
        self.main_before = NOTHING
        self.main_waited = 0
        self.main_passed = NOTHING
        self._turns = turns
        self._detail = detail
        self._by_ident: dict[int, Watched] = {}
        self._patches = Patches()

    def __enter__(self) -> Watch:
        global _watching
        if _watching or current.thread is not None:
            raise RuntimeError("the GIL report can't measure under the control of a search, nor two things at once")
        _watching = True
        self.main.begin()
        self._by_ident[self.main.ident] = self.main
        if self._turns is not None:
            self._turns.take(self.main)
        for owner, name, function in self._stand_ins():
            self._patches.put(owner, name, function)
        return self

    def __exit__(self, *_: object) -> None:
        global _watching
        if self._turns is not None:
            self._turns.give(self.main)
            self._turns.end()
        self._patches.undo()
        self.main.end()
        if any(thread.ended is None for thread in self.threads):  # left behind by the test
            self.last_end = real.monotonic_ns()
            self._look_at_main()
        _watching = False

    # --- threads

    def _start(self, thread: threading.Thread, start: Callable[[threading.Thread], None]) -> None:
        parent = self._by_ident.get(real.get_ident())
        attributes = vars(thread)
        if parent is None or attributes.get("_started") is None or thread._started.is_set():  # type: ignore[attr-defined]
            start(thread)
            return
        child = Watched(thread.name, function_of(thread))
        shadowed = attributes.get("run")

        def run() -> None:
            if shadowed is None:
                attributes.pop("run", None)
            else:
                attributes["run"] = shadowed
            self._live(child, thread.run)

        if not self.first_start:
            self.first_start = real.monotonic_ns()
            self.main_waited = self.main.waiting(SIGNAL)
            self.main_before = clocks.read_other(self.main.ident, self.main.native_id) or NOTHING
        if self._turns is not None:
            self._turns.begin()
        attributes["run"] = run
        try:
            start(thread)
        except BaseException:
            attributes.pop("run", None)
            raise
        if self._turns is not None:
            self._turns.give(parent)
            self._turns.until_paused(child)
            self._turns.take(parent)

    def _live(self, me: Watched, function: Callable[[], None]) -> None:
        me.ident = real.get_ident()
        turns = self._turns
        if turns is not None:
            turns.take(me)
        me.begin()
        self.threads.append(me)
        self._by_ident[me.ident] = me
        try:
            function()
        except SystemExit:  # how a thread may end itself
            raise
        except BaseException as error:
            self.errors.append(error)
            raise
        finally:
            me.end()
            self._by_ident.pop(me.ident, None)
            self.last_end = real.monotonic_ns()
            self._look_at_main()
            me.pause()
            if turns is not None:
                turns.give(me)

    def _look_at_main(self) -> None:
        main = self.main
        now = clocks.read_other(main.ident, main.native_id)
        if now is not None and self.main_before is not NOTHING:
            self.main_passed = now.since(self.main_before)
            waited = main.waiting(SIGNAL) - self.main_waited
            # Switches stay unknown: they can be read by the thread itself alone.
            self.main_passed = Reading(max(0, self.main_passed.wall - waited), *self.main_passed[1:])

    # --- waiting

    def wait(self, wait: Callable[..., Any], *args: Any, subject: object, frame: FrameType | None) -> Any:
        """Calls ``wait``, which is going to block; ``subject`` is what it waits for, ``frame`` who called."""
        me = self._by_ident.get(real.get_ident())
        if me is None or me.waits_since:  # not one of ours; or inside of another wait
            return wait(*args)
        kind = SIGNAL
        if frame is not None:
            kind = LOCK
            if frame.f_code is _CONDITION_WAIT:
                caller = frame.f_back
                kind = SIGNAL
                if caller is not None and caller.f_code is _SEMAPHORE_ACQUIRE:
                    kind, subject, frame = LOCK, caller.f_locals["self"], caller
            if kind is LOCK and self._detail is not None:
                self._detail.blocked(subject, frame, self._others(me))
        turns = self._turns
        me.waits_since = real.monotonic_ns()
        if turns is not None:
            me.pause()
            turns.give(me)
        got: Any = None
        try:
            got = wait(*args)
        finally:
            passed = real.monotonic_ns() - me.waits_since
            me.waits_since = 0
            if got is False and kind is SIGNAL:
                kind = TIME
            me.waited[kind] += passed
            if kind is LOCK:
                me.by_lock[subject] = me.by_lock.get(subject, 0) + passed
            if turns is not None:
                turns.take(me)
        return got

    def _others(self, me: Watched) -> list[Watched]:
        """Threads that wait for nothing that we know of."""
        return [each for each in list(self._by_ident.values()) if each is not me and not each.waits_since]

    # --- what stands in for the stand-ins

    def _stand_ins(self) -> list[tuple[type, str, object]]:
        return [*self._of_locks(), *self._of_queues(), *self._of_threads()]

    def _of_locks(self) -> list[tuple[type, str, object]]:
        watch = self

        def enter(self: Lock | RLock) -> bool:
            if self.real.acquire(False):
                return True
            return bool(watch.wait(self.real.acquire, subject=self, frame=_getframe(1)))

        def acquire(self: Lock | RLock, blocking: bool = True, timeout: float = -1) -> bool:
            if timeout != -1:
                check_timeout(blocking, timeout)
            if self.real.acquire(False):
                return True
            if not blocking or timeout == 0:
                return False
            return bool(watch.wait(self.real.acquire, True, timeout, subject=self, frame=_getframe(1)))

        def acquire_restore(self: RLock, state: tuple[int, int]) -> None:
            if not self.real.acquire(False):
                watch.wait(self.real.acquire, subject=self, frame=_getframe(1))
            for _ in range(state[0] - 1):
                self.real.acquire()

        return [
            *((kind, "__enter__", enter) for kind in (Lock, RLock)),
            *((kind, "acquire", acquire) for kind in (Lock, RLock)),
            (RLock, "_acquire_restore", acquire_restore),
        ]

    def _of_queues(self) -> list[tuple[type, str, object]]:
        watch = self

        def get(self: SimpleQueue, block: bool = True, timeout: float | None = None) -> Any:
            try:
                return self.real.get(False)
            except Empty:
                if not block:
                    raise
            return watch.wait(self.real.get, True, timeout, subject=self, frame=None)

        return [(SimpleQueue, "get", get)]

    def _of_threads(self) -> list[tuple[type, str, object]]:
        watch = self
        real_start, real_join = threading.Thread.start, threading.Thread.join

        def start(self: threading.Thread) -> None:
            watch._start(self, real_start)

        def join(self: threading.Thread, timeout: float | None = None) -> None:
            watch.wait(real_join, self, timeout, subject=self, frame=None)

        return [(threading.Thread, "start", start), (threading.Thread, "join", join)]
