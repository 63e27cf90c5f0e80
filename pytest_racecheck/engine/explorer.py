"""Explores one item: which interleavings to run, when to stop, and what the whole came to."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from pytest_racecheck import strategy
from pytest_racecheck.engine.api import RunApi
from pytest_racecheck.engine.books import Search
from pytest_racecheck.engine.conclusion import Conclusion
from pytest_racecheck.engine.confirmation import Confirmation
from pytest_racecheck.engine.errors import FindingFailure, ReplayError
from pytest_racecheck.engine.kept import KeptFailures
from pytest_racecheck.engine.recorder import Recording
from pytest_racecheck.engine.runner import Runner
from pytest_racecheck.engine.schedule import decode
from pytest_racecheck.engine.second_look import SecondLook
from pytest_racecheck.instrument import InstrumentationError
from pytest_racecheck.strategy.replay import TokenReplay
from pytest_racecheck.strategy.serial import Serial
from pytest_racecheck.stress.fallback import Control
from pytest_racecheck.watch.findings import Findings

if TYPE_CHECKING:
    from pytest_racecheck.engine.run import Run
    from pytest_racecheck.engine.schedule import Schedule
    from pytest_racecheck.engine.world import World
    from pytest_racecheck.report.model import TestResult
    from pytest_racecheck.settings import Settings
    from pytest_racecheck.shrink.database import FailureDatabase
    from pytest_racecheck.strategy.base import Strategy
    from pytest_racecheck.strategy.exhaustive import Exhaustive
    from pytest_racecheck.stress.stresser import Stresser


class Explorer:
    """One item, from before its first fixture is set up until after the last one is torn down.

    ``progress`` is told how many interleavings are done, how many a second, and how many threads they have.
    ``database``: where failing schedules are kept from one session to the next.
    """

    def __init__(
        self,
        settings: Settings,
        world: World,
        nodeid: str,
        progress: Callable[[int, float, int], None],
        database: FailureDatabase | None = None,
    ) -> None:
        digest = hashlib.blake2b(f"{settings.seed}:{nodeid}".encode(), digest_size=8).digest()
        self._seed = int.from_bytes(digest, "big")
        self._settings = settings
        self._nodeid = nodeid
        self._world = world
        self._progress = progress
        self._kept = KeptFailures(database, nodeid, self.suspended)
        self._runner = Runner(settings, world, self._seed)
        self._confirmation = Confirmation(settings, self._seed, self._runner, self._run)
        self._token = None if settings.replay is None else decode(settings.replay)
        self._following: TokenReplay | None = None
        self.api = RunApi(settings.seed)
        #: What to raise to pytest, after `explore`.
        self.failure: BaseException | None = None
        self._failed = False
        self._number = 0
        #: The schedule of interleaving 0.
        self._serial: Schedule = ()
        #: A schedule of an earlier session treats sleeps in another way than interleaving 0 did.
        self._naps_changed = False
        self._findings = Findings(settings)
        #: While the test is under stress; and what is to be said of that.
        self._stresser: Stresser | None = None
        self._stress_notes: list[str] | None = None
        self._control = Control()

    def open(self) -> None:
        """Before the first fixture of interleaving 0; the calling thread becomes the main thread of the runs.

        Raises InstrumentationError when racecheck can see nothing here.
        """
        try:
            self._open_runner()
            self._runner.watching = (self._findings.watcher, 0)
            if self._token is None:
                self._runner.begin(Serial(), patient=True)
            else:
                recording = Recording()
                deviations, self._runner.naps = self._token
                self._following = TokenReplay(deviations, recording)
                self._runner.every_access_counts()
                self._runner.begin(self._following, patient=True, recording=recording)
        except BaseException:
            self._runner.close()
            raise

    def _open_runner(self) -> None:
        try:
            self._runner.open()
        except InstrumentationError as error:
            if self._token is not None or self._settings.strategy not in ("auto", "stress"):
                raise
            self._control.blind = str(error)

    def suspended(self) -> AbstractContextManager[None]:
        """The calling thread is not controlled inside."""
        return self._runner.suspended()

    def before_tear_down(self) -> None:
        """The call phase is over for good: what a failed run left gets in the way of no fixture any longer."""
        if self._failed:
            (self._stresser or self._runner).unwind()
        if self._stresser is None:
            self._runner.limit_tear_down()

    def close(self) -> None:
        """After pytest's tear-down of the item, whatever happened before."""
        try:
            if self._stresser is not None:
                self._stresser.close()
                self._stresser = None
        finally:
            self._runner.close()

    def explore(self) -> TestResult:
        """Runs the body of interleaving 0, then all the others, until one fails.

        Raises only what ends the whole item: a skip, an interrupt. `failure` tells what the item fails with.
        """
        search = Search(self._settings.interleavings if self._token is None else 1)
        run = self._runner.call(set_up=False)
        if run.failed and run.napped and self._token is None:
            run = self._without_naps()
        self.api.count()
        search.count(run)
        self._serial = run.schedule
        alone = self._settings.unasked and run.threads < 2
        if not run.failed and self._token is None and not alone:
            run = self._search(search)
        elif run.failed and self._token is None and not self._settings.unasked:
            run = self._record_serial(search, run)
        if not run.failed and self._stress_notes is None:
            searching = partial(self._run, searching=True)
            again = SecondLook(self._runner, self._confirmation, self._findings, self._token, searching, self._confirm)
            run = again.look(search, run)
        search.stop()
        with self.suspended():
            return self._conclude(search, run)

    def _without_naps(self) -> Run:
        """The serial interleaving once more, with every sleep long enough for what others do meanwhile.

        A test that orders its threads by sleeping is right as long as sleeps are long enough, and no run of the search
        shortens one; the serial schedule does, so that threads which sleep between two steps still run one by one.
        """
        self._failed = True
        self._runner.naps = False
        return self._run(lambda: self._runner.begin(Serial(), patient=True))

    def _known_failures(self, search: Search) -> Run | None:
        """Tries the schedules that failed in earlier sessions. Returns the run that fails, None if they all pass."""
        for token in self._kept.tokens()[: self._settings.interleavings - search.done]:
            naps = self._runner.naps
            try:
                deviations, self._runner.naps = decode(token)
            except ReplayError:  # of another version
                self._kept.forget(token)
                continue
            recording = Recording()
            following = TokenReplay(deviations, recording)
            self._number = search.done
            self._runner.every_access_counts()
            try:
                run = self._run(lambda: self._runner.begin(following, patient=True, recording=recording))  # noqa: B023
            finally:
                self._runner.every_access_counts(False)
            self.api.count()
            search.count(run)
            if run.failed:
                self._naps_changed = naps is not self._runner.naps
                return run
            self._runner.naps = naps
            self._kept.forget(token)
        return None

    def _search(self, search: Search) -> Run:
        if self._control.blind is not None:
            return self._stress(search)
        known = self._known_failures(search)
        if known is not None:
            search.stop()
            return self._confirm(search, known)
        if self._settings.strategy == "stress":
            return self._stress(search)
        run = search.last
        random = Random(self._seed)
        chosen = strategy.create(self._settings.strategy, random, self._settings.interleavings - search.done)
        look = strategy.look_of(chosen)
        first, seen = search.done, None
        if look is not None and search.threads > 2 and first < self._settings.interleavings:
            seen = self._look_around(search, look)
            again = self._confirmation.replay_late(seen)
            if again is not None:
                search.stop()
                return self._confirm(search, again)
        while search.done < self._settings.interleavings:
            exhaustive = chosen.exhaustive
            run = self._run_next(search, chosen)
            if run.failed:
                search.stop()
                return self._confirm(search, run)
            if self._is_over(search, exhaustive, run):
                break
            if self._settings.strategy == "auto" and self._control.is_lost(run):
                return self._stress(search)
        return run if seen is None or not seen.failed else self._confirm_look(search, seen, first)

    def _run_next(self, search: Search, chosen: Strategy) -> Run:
        self._number = search.done
        audited = chosen.exhaustive is not None
        run = self._run(lambda: self._runner.begin(chosen, audited=audited), searching=True)
        self.api.count()
        search.count(run)
        self._progress(search.done, search.per_second, run.threads)
        return (self._confirmation.in_threads_of_its_own(run) or run) if run.failed else run

    def _look_around(self, search: Search, look: Strategy) -> Run:
        """A run in which every thread gets its share of what there is to do, to see early what threads touch at all."""
        self._number = search.done
        self._runner.every_access_counts(alone=True)
        try:
            run = self._run(lambda: self._runner.begin(look), searching=True)
        finally:
            self._runner.every_access_counts(False, alone=True)
        self.api.count()
        search.count(run, looks=True)
        self._progress(search.done, search.per_second, run.threads)
        return run

    def _confirm_look(self, search: Search, failed: Run, number: int) -> Run:
        """A failure of `_look_around`, which also switches where no other run does, and that no other run showed."""
        search.stop()
        search.failed_at, search.proof = number, None
        self._runner.every_access_counts(alone=True)
        try:
            return self._confirm(search, failed)
        finally:
            self._runner.every_access_counts(False, alone=True)

    def _is_over(self, search: Search, exhaustive: Exhaustive | None, run: Run) -> bool:
        """Whether every class of interleavings was run, and more runs would show nothing new."""
        if self._settings.strategy == "auto" and search.threads < 2 and not run.uncontrolled:
            return True
        if exhaustive is None:
            return False
        exhaustive.gaps.update(run.gaps)
        if search.learnt:
            exhaustive.restart()
        to_prove = self._settings.strategy == "exhaustive"
        if not exhaustive.finished or (search.threads < 2 and not to_prove):
            return False
        search.proof = exhaustive
        exhaustive.gaps |= self._runner.outsiders()
        return search.is_proof() or to_prove

    def _run(self, begin: Callable[[], None], *, searching: bool = False) -> Run:
        """One more interleaving: ends the one before, then begins, sets up and calls."""
        self._end_run()
        if self._stresser is not None:
            self._stresser.close()
            self._stresser = None
            self._runner.take_back()
        self.api.begin(self._number)
        self._runner.watching = self._findings.watching(self._number, searching=searching)
        begin()
        run = self._runner.call(set_up=True)
        self._failed = run.failed or run.kind == "limit"  # threads are left that must end before fixtures do
        return self._findings.judged(run)

    def _end_run(self) -> None:
        runner = self._stresser or self._runner
        if self._failed:
            runner.unwind()
        runner.tear_down(failed=self._failed)
        runner.end()

    def _stress(self, search: Search) -> Run:
        """Leaves the scheduling to the operating system; a failure is then looked for under control."""
        from pytest_racecheck.stress.search import StressSearch

        chosen = strategy.create("auto", Random(self._seed), self._settings.interleavings)

        def run_controlled() -> Run:
            audited = chosen.exhaustive is not None
            return self._run(lambda: self._runner.begin(chosen, audited=audited))

        controls = self._settings.strategy == "stress" and self._control.blind is None
        stress = StressSearch(self._settings, self._run_stressed, run_controlled if controls else None, self._progress)
        self._stress_notes = stress.notes
        run, controlled = stress.search(search)
        if controlled is None:
            has_gil = getattr(sys, "_is_gil_enabled", lambda: True)()
            if has_gil and (self._settings.model == "gil" or self._control.blind is not None):
                self._confirmation.under_gil = "reachable"  # nobody interfered between two accesses to memory
            return run
        under_stress = search.reproduced
        confirmed = self._confirm(search, controlled)
        if not search.reproduced[0]:
            search.reproduced = under_stress
            return run
        return confirmed

    def _run_stressed(self, number: int) -> Run:
        """One more interleaving without control."""
        from pytest_racecheck.stress.stresser import Stresser

        self._end_run()
        if self._stresser is None:
            self._stresser = Stresser(self._settings, self._world, self._runner.lend(), self._seed)
            self._stresser.open()
        self.api.begin(number)
        run = self._stresser.run(number)
        self.api.count()
        self._failed = run.failed
        return run

    def _confirm(self, search: Search, run: Run) -> Run:
        """Replays a failure. Returns the last replay, recorded, which stays set up."""
        if run.kind == "hang":
            return run
        passed = run.kind == "failed" and not (self._naps_changed or isinstance(run.error, FindingFailure))
        return self._confirmation.confirm(search, run, self._serial if passed else None)

    def _record_serial(self, search: Search, run: Run) -> Run:
        """Runs a failing serial interleaving once more, to record it. It stays as it is if it can't be repeated."""
        self._failed = True
        if run.kind == "hang" or _is_time_out(run.error):
            return run
        self._confirmation.under_gil = "reachable"  # nobody is switched away from anywhere
        search.other_order = self._confirmation.passes_in_another_order(search, run)
        recorded = self._confirmation.recorded(Serial(), run)
        return recorded if recorded.same_failure(run) else run

    # ------------------------------------------------------------------ the result

    def _conclude(self, search: Search, run: Run) -> TestResult:
        self._failed = (run.failed and not isinstance(run.error, FindingFailure)) or run.kind == "limit"
        conclusion = Conclusion(
            settings=self._settings,
            nodeid=self._nodeid,
            search=search,
            run=run,
            api=self.api,
            findings=self._findings,
            control=self._control,
            token=self._token,
            following=self._following,
            stress_notes=self._stress_notes,
            under_gil=self._confirmation.under_gil,
            naps=self._runner.naps,
        )
        result = conclusion.result()
        self.failure = conclusion.raised
        if self._token is None and result.failure is not None and not result.failure.finding:
            self._kept.keep(result.failure)
        return result


def _is_time_out(error: BaseException | None) -> bool:
    """Whether pytest-timeout ended the test, which has no time left then for anything else."""
    return type(error).__name__ == "Failed" and "pytest-timeout" in str(error)
