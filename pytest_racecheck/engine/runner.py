"""Carries out the interleavings of one item, one at a time, and says what each came to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from pytest_racecheck.engine import current, older, real
from pytest_racecheck.engine.clock import Origin
from pytest_racecheck.engine.environment import Environment
from pytest_racecheck.engine.errors import HangFailure, Unwind, forget_frames
from pytest_racecheck.engine.hang import ControlledRun
from pytest_racecheck.engine.judgement import judge
from pytest_racecheck.engine.lookout import LOOKOUT
from pytest_racecheck.engine.points import FUTILE
from pytest_racecheck.engine.run import Run
from pytest_racecheck.engine.scheduler import Scheduler
from pytest_racecheck.engine.sight import Sight
from pytest_racecheck.engine.standstill import explain, find_ring
from pytest_racecheck.engine.watchdog import WATCHDOG
from pytest_racecheck.primitives import late

if TYPE_CHECKING:
    from pytest_racecheck.detect.deadlock import Diagnosis
    from pytest_racecheck.engine.baton import Baton
    from pytest_racecheck.engine.observer import Observer
    from pytest_racecheck.engine.recorder import Recording
    from pytest_racecheck.engine.survivors import Survivor
    from pytest_racecheck.engine.thread import ControlledThread
    from pytest_racecheck.engine.world import World
    from pytest_racecheck.settings import Settings
    from pytest_racecheck.strategy.base import Strategy
    from pytest_racecheck.watch.watcher import Watcher

#: Real seconds, more than any test takes.
UNLIMITED: Final = 1e9


class Runner:
    """`open`, then `begin`, `call` and `end` for each interleaving, then `close`.

    The world sets up the first interleaving and tears down the last one itself, between `begin` and `call`, and after
    `call`. The thread that calls is the main thread of every run.
    """

    def __init__(self, settings: Settings, world: World, seed: int) -> None:
        self._settings = settings
        self._world = world
        self._environment = Environment(seed)
        self.carriers = self._environment.carriers
        self._sight = Sight(settings)
        self._origin = Origin()
        self._begun = False
        self._scheduler: Scheduler | None = None
        self._target: ControlledRun
        self._diagnosis: Diagnosis | None = None
        self._recording: Recording | None = None
        self._skipped = ""
        #: Who watches the next run, and its number; and who watches the one under way.
        self.watching: tuple[Watcher, int] | None = None
        self._watcher: Watcher | None = None
        #: Whether the serial schedule lets a thread nap: go on after a sleep although others could run meanwhile.
        self.naps = True

    def open(self) -> None:
        """Takes hold of the process. Raises InstrumentationError when nothing could be seen here."""
        self._sight.prepare(WATCHDOG.allow)
        WATCHDOG.start()
        self._environment.open()
        late.open_all()
        LOOKOUT.open()
        self._sight.open()

    def lend(self) -> Environment:
        """Sees nothing until `take_back`: between two runs, another kind of run is to have the process."""
        self._sight.close()
        self.carriers.drop()
        self._environment.processor.share(True)
        return self._environment

    def take_back(self) -> None:
        """The end of `lend`."""
        self._environment.processor.share(False)
        self._sight.open()

    def use_model(self, model: str) -> None:
        """Where threads may be switched from the next run on: "python" or "gil"."""
        self._sight.use_model(model)

    def begin(
        self,
        strategy: Strategy,
        *,
        patient: bool = False,
        recording: Recording | None = None,
        audited: bool = False,
        futile: int = FUTILE,
    ) -> None:
        """From here on the calling thread is controlled, and so is every thread that it starts.

        ``audited``: the run's ``gaps`` tell what this and earlier ones do that is not modelled. ``futile``: what is
        done in vain before that counts as a livelock.
        """
        self._environment.begin_run()
        self.carriers.prepare()
        self._recording = recording
        strategy.begin()
        observer: Observer | None = recording or strategy.observer
        self._watcher = None
        if self.watching is not None:
            self._watcher, number = self.watching
            observer = self._watcher.begin(observer, number)
        self._sight.begin_run(observer)
        self._diagnosis = None
        scheduler = Scheduler(
            strategy,
            self._origin,
            self,
            max_points=self._settings.max_points,
            patient=patient,
            naps=self.naps,
            futile=futile,
            observer=observer,
        )
        self._scheduler = scheduler
        current.concurrent = False
        current.thread = scheduler.main
        self._sight.audit(audited, self._controlled)
        self.thread_begins(scheduler.main)
        self._target = ControlledRun(scheduler)
        # A test that nobody marked may take its time, as ever, as long as it is run once.
        asked = self._begun or not self._settings.unasked
        self._begun = True
        WATCHDOG.arm(self._target, self._settings.timeout if asked else UNLIMITED)

    def every_access_counts(self, counts: bool = True, *, alone: bool = False) -> None:
        """Makes each access and each lock a scheduling point, known to matter or not, or only those that are.

        ``alone``: accesses to memory, but no locks.
        """
        self._sight.every_access_counts(counts, alone=alone)

    def call(self, *, set_up: bool) -> Run:
        """Runs the test body, after setting the world up if asked, and tears down what may fail then.

        Raises only what ends the whole item.
        """
        scheduler = self._scheduler
        assert scheduler is not None
        try:
            return self._call(scheduler, set_up=set_up)
        finally:
            if scheduler.alive > 1:
                self._clear_the_way(scheduler)

    def _call(self, scheduler: Scheduler, *, set_up: bool) -> Run:
        error: BaseException | None = None
        self._skipped = ""
        try:
            if set_up:
                self._world.set_up()
            self._world.call()
            self._finish(scheduler)
        except Unwind as end:
            forget_frames(end)
        except BaseException as caught:
            if set_up and self._world.is_skip(caught):
                self._skipped = str(caught) or "no reason given"
            elif self._world.is_outcome(caught):
                raise
            else:
                error = caught if scheduler.stuck is None else None
        scheduler.main_continues()
        WATCHDOG.disarm()
        if scheduler.interrupt is not None:
            raise scheduler.interrupt
        for _, raised in scheduler.failures:
            # Ctrl-C reaches the main thread only: in any other it is an exception like all.
            if self._world.is_outcome(raised) and not isinstance(raised, KeyboardInterrupt):
                raise raised
        scheduler.main.quiet += 1
        try:
            scheduler.strategy.end(scheduler.points)
            return self._judge(scheduler, error)
        finally:
            scheduler.main.quiet -= 1

    def _clear_the_way(self, scheduler: Scheduler) -> None:
        """What follows is not the test's, in the main thread: no thread of the run may hold a lock that it needs.

        Threads that are left stay where they are, for a debugger to look at, as long as that does no harm.
        """
        left = [each.ident for each in scheduler.threads[1:] if each.ident is not None and not each.ended]
        if older.held_by(left):
            scheduler.unwind()

    def _finish(self, scheduler: Scheduler) -> None:
        scheduler.drain()
        if not scheduler.failures:
            self._world.finish()
            # Threads whose sockets and files are taken away from them may well end with an exception.
            scheduler.failures.clear()

    def _judge(self, scheduler: Scheduler, error: BaseException | None) -> Run:
        kind, thread, failed_with = judge(scheduler, error, lambda: self._is_deadlocked(scheduler))
        if self._recording is not None:
            self._recording.finish()
        if self._watcher is not None:
            operations = sum(thread.ops for thread in scheduler.threads)
            self._watcher.end(tuple(scheduler.deviations), operations, not scheduler.external.places)
        return Run(
            kind=kind,
            error=failed_with,
            thread=thread,
            diagnosis=self._diagnosis if kind in ("deadlock", "livelock") else None,
            hang="" if self._target.hang is None else self._target.hang.summary,
            state=self._target.hang,
            schedule=tuple(scheduler.deviations),
            preemptions=scheduler.preemptions,
            points=scheduler.points,
            threads=len(scheduler.threads),
            trace=hash(tuple(sorted((thread.path, thread.state_hash) for thread in scheduler.threads))),
            napped=scheduler.napped,
            known=self._sight.known,
            uncontrolled=tuple(sorted(scheduler.external.places)),
            taken=scheduler.external.taken,
            gaps=self._sight.gaps,
            recording=self._recording,
            skipped=self._skipped,
        )

    def _is_deadlocked(self, scheduler: Scheduler) -> bool:
        """Whether threads that are left wait for each other's locks in a circle. Diagnoses it if so."""
        found = find_ring(scheduler)
        self._diagnosis = found or self._diagnosis
        return found is not None

    # ------------------------------------------------------------------ what the scheduler tells

    def thread_begins(self, thread: ControlledThread) -> None:
        """Instrumentation by thread."""
        self._sight.enter_thread()

    def thread_ends(self, thread: ControlledThread) -> None:
        """Instrumentation by thread."""
        self._sight.leave_thread()

    def stuck(self, baton: Baton) -> None:
        """The threads are still where they got stuck: the moment to look at them."""
        self._diagnosis = explain(baton)

    # ------------------------------------------------------------------ ends

    def unwind(self) -> None:
        """Ends the threads that the interleaving left, so that nothing stands in the way of its tear-down."""
        scheduler = self._scheduler
        if scheduler is not None:
            scheduler.unwind()

    def limit_tear_down(self) -> None:
        """The tear-down that follows has as much time as the run had."""
        self._target.raises = HangFailure
        WATCHDOG.arm(self._target, self._settings.timeout)

    def tear_down(self, *, failed: bool) -> None:
        """Lets the world tear down, under control, so that fixtures can still talk to their threads.

        ``failed``: the run did, so that nobody has to know what else comes of that.
        """
        scheduler = self._scheduler
        assert scheduler is not None
        self.limit_tear_down()
        try:
            self._world.tear_down()
            self._look_for_leaks(scheduler)
        except Unwind:
            scheduler.main_continues()
        except BaseException as error:
            if not failed or self._world.is_outcome(error):
                raise
        finally:
            if WATCHDOG.disarm():
                scheduler.main_continues()
                raise Unwind  # no further interleaving

    def _look_for_leaks(self, scheduler: Scheduler) -> None:
        """What is left of a run that passed. Threads that were told to end may do so first."""
        if self._watcher is not None and scheduler.stuck is None and not scheduler.failures:
            scheduler.drain()
            if scheduler.stuck is None:
                self._watcher.torn_down(scheduler)

    def outsiders(self) -> set[str]:
        """What threads that are not controlled do at this moment, as gaps of a proof."""
        return self._sight.outsiders(self._controlled())

    def _controlled(self) -> list[int | None]:
        threads = [] if self._scheduler is None else self._scheduler.threads
        return [real.get_ident(), *(thread.ident for thread in threads)]

    def survivors(self) -> list[Survivor]:
        """What the first run wrote, which outlives it, and none of those since did. To be asked between runs."""
        return self._sight.survivors()

    def may_leak(self) -> bool:
        """Whether the run, which was watched, has threads that are alive or locks that are held now."""
        scheduler = self._scheduler
        if scheduler is None or self._watcher is None or scheduler.stuck is not None:
            return False
        return any(each.held or not (each.ended or each is scheduler.main) for each in scheduler.threads)

    def end(self) -> None:
        """Ends the run: its threads, the locks that it left held, the control of the calling thread."""
        scheduler = self._scheduler
        if scheduler is None:
            return
        scheduler.main_continues()
        scheduler.unwind()
        for thread in scheduler.threads:
            for lock in list(thread.held):
                lock.abandon()
        self.thread_ends(scheduler.main)
        current.thread = None
        current.concurrent = False
        self._scheduler = None
        self.carriers.may_be_needed(len(scheduler.threads) - 1)
        scheduler.dissolve()

    def close(self) -> None:
        """Lets go of the process. Harmless when called twice, and when `open` failed."""
        try:
            with self.suspended():  # an interrupt may have come from anywhere, with the run still under way
                WATCHDOG.stop()
                LOOKOUT.close()
        finally:
            try:
                self.end()
            finally:
                self._let_go()

    def _let_go(self) -> None:
        current.thread = None
        current.concurrent = False
        self._sight.end()
        late.close_all()
        self._environment.close()

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """The calling thread is not controlled inside."""
        scheduler = self._scheduler
        if scheduler is None or scheduler.main.ident != real.get_ident():
            yield
            return
        scheduler.main.quiet += 1
        try:
            yield
        finally:
            scheduler.main.quiet -= 1
