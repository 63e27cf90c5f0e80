"""One run under stress: its threads, the pressure on them, and how they end."""

from __future__ import annotations

import functools
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING, Any, Final, Literal

from pytest_racecheck.engine import real
from pytest_racecheck.engine.errors import Unwind
from pytest_racecheck.primitives.thread import function_name
from pytest_racecheck.stress.pressure import LONGEST_DELAY, LONGEST_NOISE, Learnt, Plan, nap
from pytest_racecheck.stress.thread import StressThread

if TYPE_CHECKING:
    from pytest_racecheck.detect.deadlock import Diagnosis
    from pytest_racecheck.engine.operation import Access
    from pytest_racecheck.instrument import Instrumentation

Over = Literal["deadlock", "hang", "end"]

#: A new thread waits at most so many seconds for its siblings.
GATHERING_SECONDS: Final = 0.002

#: Threads that the test did not wait for get so many seconds to end by themselves.
DRAIN_SECONDS: Final = 0.5

#: Seconds in which a thread gets to its next scheduling point.
SETTLING_SECONDS: Final = 0.0005


#: Threads that did not end when their run did, by identifier: they do so as soon as they meet racecheck.
LOST: Final[dict[int, StressThread]] = {}


class StressRun:
    """The threads of one run. ``over`` says why they have to end, None while they need not."""

    def __init__(
        self, seed: str, plan: Plan, learnt: Learnt, instrumentation: Instrumentation | None, sleep_scale: float
    ) -> None:
        self.seed = seed
        self.plan = plan
        self.learnt = learnt
        self.over: Over | None = None
        self.diagnosis: Diagnosis | None = None
        self.failures: list[tuple[StressThread, BaseException]] = []
        self.threads: list[StressThread] = []
        self.by_ident: dict[int, StressThread] = {}
        self.by_thread: dict[int, StressThread] = {}
        self.alive = 0
        self._mutex = real.allocate_lock()
        self.points = 0
        self.numbers = itertools.count(1)
        #: Threads that wait for their siblings to be started, too.
        self.pending: list[StressThread] = []
        #: The thread inside of ``racecheck.atomic()``.
        self.inside: StressThread | None = None
        self.lateness = 0.0
        self.timed = False
        self._instrumentation = instrumentation
        self._sleep_scale = sleep_scale
        self._random = Random(f"{seed}:gates")
        self._last: dict[object, tuple[StressThread, Access]] = {}
        self._excepthook = threading.excepthook
        self.main = self.register("0", threading.current_thread(), "")
        self.main.ident = real.get_ident()
        self.main.native_id = threading.get_native_id()
        self.by_ident[self.main.ident] = self.main

    def register(self, path: str, thread: threading.Thread | None, function: str) -> StressThread:
        """A thread that is about to be started (or the main one, which runs)."""
        name = thread.name if thread is not None else f"thread {path}"
        child = StressThread(self, len(self.threads), path, name, function)
        child.thread = thread
        self.threads.append(child)
        self.learnt.threads.setdefault(path)
        if thread is not None:
            self.by_thread[id(thread)] = child
        with self._mutex:
            self.alive += 1
        return child

    def mine(self) -> StressThread | None:
        """The calling thread, if it is one of the run's and not to be left alone.

        Raises Unwind in a thread that an earlier run left.
        """
        me = self.by_ident.get(real.get_ident())
        if me is None:
            if real.get_ident() in LOST:
                raise Unwind
            return None
        return None if me.quiet else me

    # ------------------------------------------------------------------ threads

    def spawn(
        self, me: StressThread, thread: threading.Thread | None, function: str, start: Callable[[StressThread], Any]
    ) -> Any:
        """A new thread: ``start`` starts the real one, which has to call `live`."""
        me.reach("start")
        me.children += 1
        child = self.register(f"{me.path}.{me.children}", thread, function)
        if self.plan.gather:
            child.gate = real.allocate_lock()
            child.gate.acquire()
            self.pending.append(child)
        me.quiet += 1
        try:
            return start(child)
        except BaseException:
            self._end(child)
            raise
        finally:
            me.quiet -= 1

    def live(self, me: StressThread, body: Callable[[], object]) -> None:
        """The whole life of a thread but the main one, called in the thread itself."""
        ident = me.ident = real.get_ident()
        me.native_id = threading.get_native_id()
        if me.gate is not None:
            me.gate.acquire(timeout=GATHERING_SECONDS)
        self.by_ident[ident] = me
        try:
            if self._instrumentation is not None:
                self._instrumentation.enter_thread()
            if self.over is None:
                body()
        except (Unwind, SystemExit):
            pass
        except BaseException as error:  # noqa: BLE001 - it is the test's, and told
            if self.over is None:
                self._escaped(me, error)
        finally:
            if self._instrumentation is not None:
                self._instrumentation.leave_thread()
            self.by_ident.pop(ident, None)
            LOST.pop(ident, None)
            self._end(me)

    def _end(self, thread: StressThread) -> None:
        thread.ended = True
        with self._mutex:
            self.alive -= 1

    def _escaped(self, me: StressThread, error: BaseException) -> None:
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

    def open_gates(self) -> None:
        """Lets the threads begin that were started in a row, in any order."""
        pending, self.pending = self.pending, []
        self._random.shuffle(pending)
        for thread in pending:
            thread.gate.release()

    def drain(self) -> None:
        """Waits until each thread that is no daemon has ended, is blocked or sleeps. For the end of the test body."""
        self.open_gates()
        deadline = real.monotonic() + DRAIN_SECONDS
        calm = 0
        while calm < 2 and self.over is None and real.monotonic() < deadline:
            busy = any(
                thread is not self.main and not (thread.ended or thread.daemon or thread.sleeps or thread.waits)
                for thread in self.threads
            )
            calm = 0 if busy else calm + 1
            if busy or calm < 2:
                real.sleep(0.0005)

    # ------------------------------------------------------------------ pressure

    def press(self, me: StressThread, place: object, hot: bool) -> None:
        """``me`` is at a scheduling point, ``hot`` if what it does there may conflict: perhaps it is made to sleep."""
        if self.alive < 2 or me.atomic:
            return
        self.points += 1
        plan = self.plan
        hits = me.hits
        passed = hits.get(place, 0)
        hits[place] = passed + 1
        if hot and self.learnt.places.get(place, 0) <= passed:
            self.learnt.places[place] = passed + 1
        if me.allowance <= 0 or me.unwinding:
            return
        if plan.delays:
            if plan.delays.get((me.path, place)) == passed:
                me.allowance -= nap(me.random, LONGEST_DELAY, me.allowance)
        elif me.random.random() < (plan.hot if hot else plan.cold):
            me.allowance -= nap(me.random, LONGEST_NOISE, me.allowance)

    def accessed(self, access: Access, owner: object, key: object, also: object | None) -> None:
        """The calling thread is about to carry out ``access``. Raises Unwind when the run is over."""
        me = self.mine()
        if me is None:
            return
        if self.alive > 1:
            location = id(owner) if access.container else (id(owner), access.name)
            other = self._last.get(location)
            self._last[location] = me, access
            if other is not None and other[0] is not me and (access.writes or other[1].writes):
                self.learnt.places.setdefault(access, 1)
                self.learnt.places.setdefault(other[1], 1)
        me.access(access)

    # ------------------------------------------------------------------ time

    def uses_time(self, seconds: float) -> None:
        """The test sleeps or waits for so many seconds: it may rely on how long that is."""
        self.timed = True
        if seconds > 0 and (self.learnt.shortest is None or seconds < self.learnt.shortest):
            self.learnt.shortest = seconds

    def late(self, seconds: float) -> None:
        """Somebody went on so many seconds after its time."""
        self.lateness = max(self.lateness, seconds)

    @property
    def disturbed(self) -> bool:
        """Whether a test that measures time may have failed because the machine was slow."""
        shortest = self.learnt.shortest
        return self.timed and shortest is not None and self.lateness > shortest / 2

    # ------------------------------------------------------------------ what stand-ins ask for

    def sleep(self, seconds: Any) -> None:
        """`time.sleep`."""
        me = self.mine()
        if me is None or not isinstance(seconds, (int, float)) or not seconds >= 0:
            real.sleep(seconds)
        else:
            me.sleep(seconds * self._sleep_scale)

    def start_new_thread(self, function: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
        """`_thread.start_new_thread`, called with what it takes."""
        me = self.mine()
        if me is None:
            return real.start_new_thread(function, args, kwargs)

        def begin(child: StressThread) -> int:
            return real.start_new_thread(self.live, (child, functools.partial(function, *args, **kwargs)))

        return int(self.spawn(me, None, function_name(function), begin))

    def point(self) -> None:
        """``racecheck.point()``."""
        me = self.mine()
        if me is not None:
            me.reach("point")

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """``racecheck.atomic()``: other threads stop at their next scheduling point until it is over.

        They go on while the thread inside waits, as they would under control.
        """
        me = self.mine()
        if me is None:
            yield
            return
        me.reach("point")
        while True:
            with self._mutex:
                if self.over is not None or not self._is_held_off(me):
                    before, self.inside = self.inside, me
                    break
            self.hold_off(me)
        me.atomic += 1
        try:
            if before is not me:
                real.sleep(SETTLING_SECONDS)  # whoever has just passed a scheduling point gets to the next one
            yield
        finally:
            me.atomic -= 1
            self.inside = before

    def hold_off(self, me: StressThread) -> None:
        """Waits while another thread is inside of ``racecheck.atomic()``."""
        while self._is_held_off(me) and self.over is None:
            real.sleep(SETTLING_SECONDS)

    def _is_held_off(self, me: StressThread) -> bool:
        inside = self.inside
        return inside is not None and inside is not me and not (inside.waits or inside.sleeps or inside.ended)

    @property
    def external(self) -> StressRun:
        """For stand-ins that release a lock from outside: nobody needs to be told."""
        return self

    def tell(self, resource: object) -> None:
        """See `external`."""
