"""Carries out the runs of one item under stress, one at a time, and says what each came to."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

from pytest_racecheck.engine import older, real, stressed
from pytest_racecheck.engine.errors import Unwind
from pytest_racecheck.engine.leftover import disown, park
from pytest_racecheck.engine.pools import pools_let_go
from pytest_racecheck.engine.run import Kind, Run
from pytest_racecheck.engine.watchdog import WATCHDOG
from pytest_racecheck.instrument import Instrumentation, Scope
from pytest_racecheck.stress import standins
from pytest_racecheck.stress.deadlocks import Watch, explain, lasting_cycle
from pytest_racecheck.stress.hang import StressedRun, left_over, raise_in
from pytest_racecheck.stress.last_words import last_operations, threads_of
from pytest_racecheck.stress.pressure import Learnt, make_plan, pressed
from pytest_racecheck.stress.run import LOST, StressRun
from pytest_racecheck.stress.seeing import InstrumentationError, open_instrumentation

if TYPE_CHECKING:
    from pytest_racecheck.engine.environment import Environment
    from pytest_racecheck.engine.world import World
    from pytest_racecheck.settings import Settings

#: Real seconds that the threads of a run get to end before they are given up as lost.
UNWINDING_SECONDS: Final = 2.0
NUDGE_SECONDS: Final = 0.5


class Stresser:
    """`open`, then `run`, `unwind`, `tear_down` and `end` for each interleaving, then `close`.

    ``blind``: why nothing but the operations of the library can be seen, None if accesses to memory can.
    """

    def __init__(self, settings: Settings, world: World, environment: Environment, seed: int) -> None:
        self._settings = settings
        self._world = world
        self._environment = environment
        self._seed = seed
        self._learnt = Learnt()
        self._watch: Watch | None = None
        self._instrumentation: Instrumentation | None = None
        self._run: StressRun | None = None
        self._target: StressedRun
        self.blind: str | None = None

    def open(self) -> None:
        """Takes hold of the process; nothing may be controlled any longer."""
        standins.put_in_place()
        self._watch = Watch()
        if self._settings.model == "gil":
            self.blind = "under the model `gil` no thread is stopped where the interpreter itself would not"
            return
        try:
            self._instrumentation = open_instrumentation(
                Scope(self._settings.include, self._settings.exclude), self._accessed
            )
        except InstrumentationError as error:
            self.blind = str(error)

    def _accessed(self, access: object, owner: object, key: object, also: object | None) -> None:
        run = self._run
        if run is not None:
            run.accessed(access, owner, key, also)  # type: ignore[arg-type]

    def run(self, number: int) -> Run:
        """Sets the world up and calls the test, in the calling thread. Raises only what ends the whole item."""
        assert self._watch is not None
        self._environment.begin_run()
        random = Random(f"{self._seed}:{number}")
        plan = make_plan(number, random, self._learnt)
        run = StressRun(f"{self._seed}:{number}", plan, self._learnt, self._instrumentation, self._settings.sleep_scale)
        self._run = run
        stressed.run = run
        # Around all that may know how things were: who looks at a run that hangs changes the switch interval, too.
        try:
            with pressed(plan, self._environment.processor.allowed, random):
                error = self._call(run)
            return self._judge(run, error)
        finally:
            self._clear_the_way(run)

    def _call(self, run: StressRun) -> BaseException | None:
        """Runs the test. Returns what it raised, if that is its failure."""
        assert self._watch is not None
        error: BaseException | None = None
        if self._instrumentation is not None:
            self._instrumentation.enter_thread()
        self._watch.begin(run)
        self._target = StressedRun(run)
        WATCHDOG.arm(self._target, self._settings.timeout)
        try:
            self._world.set_up()
            self._world.call()
            run.drain()
            if not run.failures:
                run.main.allowance = 0.0
                self._world.finish()
                run.failures.clear()
        except Unwind:
            pass
        except BaseException as caught:
            if self._world.is_outcome(caught):
                raise
            if run.over is None:
                error = caught
        finally:
            self._leave(run)
        return error

    def _leave(self, run: StressRun) -> None:
        """The calling thread is no part of the run any longer."""
        assert self._watch is not None
        WATCHDOG.disarm()
        self._watch.end()
        run.main.waits = None
        run.by_ident.pop(real.get_ident(), None)
        run.open_gates()
        if self._instrumentation is not None:
            self._instrumentation.leave_thread()

    def _judge(self, run: StressRun, error: BaseException | None) -> Run:
        kind: Kind = "passed"
        thread = "main"
        if run.over == "hang":
            kind = "hang"
        elif run.failures:
            # What an exception in a thread leads to elsewhere (a wait that never ends, say) is its consequence.
            culprit, error = run.failures[0]
            kind, thread = "failed", culprit.label
        elif run.over == "deadlock" or self._is_deadlocked(run):
            kind = "deadlock"
        elif error is not None:
            kind = "failed"
        return Run(
            kind=kind,
            error=error if kind == "failed" else None,
            thread=thread,
            diagnosis=run.diagnosis if kind == "deadlock" else None,
            hang="" if self._target.hang is None else self._target.hang.summary,
            state=self._target.hang,
            schedule=(),
            preemptions=0,
            points=run.points,
            threads=len(run.threads),
            trace=0,
            known=0,
            napped=False,
            uncontrolled=(),
            timed=run.timed,
            disturbed=run.disturbed,
            last=() if kind == "passed" else last_operations(run),
            last_threads=() if kind == "passed" else threads_of(run),
        )

    def _is_deadlocked(self, run: StressRun) -> bool:
        """Whether threads that are left wait for each other's locks in a circle."""
        cycle = lasting_cycle(run)
        if cycle:
            run.diagnosis = explain(run, cycle)
        return bool(cycle) and run.diagnosis is not None

    def unwind(self) -> None:
        """Ends the threads that the interleaving left."""
        run = self._run
        if run is None:
            return
        run.over = run.over or "end"
        with pools_let_go([each.thread for each in run.threads[1:] if each.thread is not None and not each.ended]):
            _wait_for_end(run)
        for thread in run.threads:
            for lock in list(thread.held):
                if thread.ended or thread is run.main:
                    lock.abandon()

    def _clear_the_way(self, run: StressRun) -> None:
        """What follows is not the test's, in the main thread: no thread of the run may hold a lock that it needs."""
        if older.held_by([each.ident for each in left_over(run) if each.ident is not None]):
            self.unwind()

    def tear_down(self, *, failed: bool) -> None:
        """Lets the world tear down: the time limit holds, and nothing is made to sleep.

        ``failed``: the run did, so that nobody has to know what else comes of that.
        """
        run = self._run
        if run is None:
            self._world.tear_down()
            return
        assert self._watch is not None
        me = run.main
        me.allowance, me.unwinding = 0.0, 0
        if run.over is None:
            run.by_ident[real.get_ident()] = me
            self._watch.begin(run)
        WATCHDOG.arm(StressedRun(run), self._settings.timeout)
        try:
            self._world.tear_down()
        except Unwind:
            pass
        except BaseException as error:
            if not failed or self._world.is_outcome(error):
                raise
        finally:
            self._leave(run)

    def end(self) -> None:
        """Ends the run: its threads, the locks that it left held."""
        self.unwind()
        stressed.run = None
        self._run = None

    def close(self) -> None:
        """Lets go of the process. Harmless when called twice."""
        try:
            self.end()
        finally:
            stressed.run = None
            if self._instrumentation is not None:
                self._instrumentation.close()
                self._instrumentation = None
            if self._watch is not None:
                self._watch.stop()
                self._watch = None
            standins.take_away()


def _wait_for_end(run: StressRun) -> None:
    """Waits for the end of all threads that are left; those that don't notice it, and compute, are interrupted."""
    began = real.monotonic()
    nudge = NUDGE_SECONDS
    while (left := left_over(run)) and (seconds := real.monotonic() - began) < UNWINDING_SECONDS:
        if seconds > nudge:
            nudge = seconds + NUDGE_SECONDS
            for thread in left:
                raise_in(thread)
        real.sleep(0.001)
    for thread in left_over(run):
        if thread.ident is not None:
            LOST[thread.ident] = thread
            park(thread.ident)
        if thread.thread is not None:
            disown(thread.thread)
    for thread in run.threads:
        if thread.ended and thread.thread is not None:
            real.thread_join(thread.thread, UNWINDING_SECONDS)
