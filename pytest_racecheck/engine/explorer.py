"""Explores one item: which interleavings to run, when to stop, and what the whole came to."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from random import Random
from typing import TYPE_CHECKING, Final

from pytest_racecheck import strategy
from pytest_racecheck.engine import under_gil
from pytest_racecheck.engine.api import RunApi
from pytest_racecheck.engine.books import Search
from pytest_racecheck.engine.divergence import first_difference
from pytest_racecheck.engine.errors import (
    DeadlockFailure,
    HangFailure,
    NondeterministicFailure,
    ReplayError,
    VacuousFailure,
)
from pytest_racecheck.engine.recorder import Recording
from pytest_racecheck.engine.result import build_failure
from pytest_racecheck.engine.runner import Runner, World
from pytest_racecheck.engine.schedule import decode
from pytest_racecheck.report.model import Failure, TestResult, UnderGil, Verdict
from pytest_racecheck.shrink.minimise import Candidate, minimise
from pytest_racecheck.strategy.replay import Replay, TokenReplay, Tracking
from pytest_racecheck.strategy.serial import Serial

if TYPE_CHECKING:
    from pytest_racecheck.engine.run import Run
    from pytest_racecheck.engine.schedule import Schedule
    from pytest_racecheck.settings import Settings
    from pytest_racecheck.shrink.database import FailureDatabase
    from pytest_racecheck.strategy.base import Strategy
    from pytest_racecheck.strategy.exhaustive import Exhaustive

#: A failure is replayed so often before it is reported.
REPLAYS: Final = 10


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
        self._progress = progress
        self._database = database
        self._runner = Runner(settings, world, self._seed)
        self._token = None if settings.replay is None else decode(settings.replay)
        self._following: TokenReplay | None = None
        self.api = RunApi(settings.seed)
        #: What to raise to pytest, after `explore`.
        self.failure: BaseException | None = None
        self._failed = False
        self._under_gil: UnderGil = "unknown"
        self._number = 0

    def open(self) -> None:
        """Before the first fixture of interleaving 0; the calling thread becomes the main thread of the runs.

        Raises InstrumentationError when racecheck can see nothing here.
        """
        try:
            self._runner.open()
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

    def suspended(self) -> AbstractContextManager[None]:
        """The calling thread is not controlled inside."""
        return self._runner.suspended()

    def before_tear_down(self) -> None:
        """The call phase is over for good: what a failed run left gets in the way of no fixture any longer."""
        if self._failed:
            self._runner.unwind()

    def close(self) -> None:
        """After pytest's tear-down of the item, whatever happened before."""
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
        if not run.failed and self._token is None:
            run = self._search(search)
        elif run.failed and self._token is None:
            run = self._record_serial(run)
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
        tokens: list[str] = []
        with contextlib.suppress(OSError), self.suspended():
            tokens = [] if self._database is None else self._database.fetch(self._nodeid)
        for token in tokens[: self._settings.interleavings - search.done]:
            naps = self._runner.naps
            try:
                deviations, self._runner.naps = decode(token)
            except ReplayError:  # of another version
                self._forget(token)
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
                return run
            self._runner.naps = naps
            self._forget(token)
        return None

    def _forget(self, token: str) -> None:
        with contextlib.suppress(OSError), self.suspended():
            if self._database is not None:
                self._database.drop(self._nodeid, token)

    def _keep(self, failure: Failure) -> None:
        with contextlib.suppress(OSError), self.suspended():
            if self._database is not None and failure.token and failure.kind in ("race", "deadlock"):
                self._database.save(self._nodeid, failure.token)

    def _search(self, search: Search) -> Run:
        known = self._known_failures(search)
        if known is not None:
            search.stop()
            return self._confirm(search, known)
        random = Random(self._seed)
        chosen = strategy.create(self._settings.strategy, random, self._settings.interleavings - search.done)
        run = search.last
        while search.done < self._settings.interleavings:
            self._number = search.done
            exhaustive = chosen.exhaustive
            audited = exhaustive is not None
            run = self._run(lambda: self._runner.begin(chosen, audited=audited))  # noqa: B023
            self.api.count()
            search.count(run)
            self._progress(search.done, search.per_second, run.threads)
            if run.failed:
                search.stop()
                return self._confirm(search, run)
            if exhaustive is not None and self._is_over(search, exhaustive, run):
                break
        return run

    def _is_over(self, search: Search, exhaustive: Exhaustive, run: Run) -> bool:
        """Whether every class of interleavings was run, and more runs would show nothing new."""
        exhaustive.gaps.update(run.gaps)
        if search.learnt:
            exhaustive.restart()
        to_prove = self._settings.strategy == "exhaustive"
        if not exhaustive.finished or (search.threads < 2 and not to_prove):
            return False
        search.proof = exhaustive
        return search.is_proof() or to_prove

    def _run(self, begin: Callable[[], None]) -> Run:
        """One more interleaving: ends the one before, then begins, sets up and calls."""
        if self._failed:
            self._runner.unwind()
        self._runner.tear_down()
        self._runner.end()
        self.api.begin(self._number)
        begin()
        run = self._runner.call(set_up=True)
        self._failed = run.failed or run.kind == "limit"  # threads are left that must end before fixtures do
        return run

    def _confirm(self, search: Search, run: Run) -> Run:
        """Replays a failure. Returns the last replay, recorded, which stays set up."""
        if run.kind == "hang":
            search.reproduced = (1, 1)
            return run
        same = 0
        schedule = self._minimise(run)
        for _ in range(REPLAYS - 1):
            same += self._replay(Replay(schedule)).same_failure(run)
        self._under_gil = self._search_under_gil(run, schedule)
        recorded = self._replay(Replay(schedule), Recording())
        same += recorded.same_failure(run)
        search.reproduced = (same, REPLAYS)
        if not same:
            again = self._replay(Replay(schedule), Recording())
            search.divergence = first_difference(recorded.recording, again.recording)
        return recorded if recorded.same_failure(run) else run

    def _search_under_gil(self, run: Run, schedule: Schedule) -> UnderGil:
        """Whether the failure can strike on a build with a GIL, too."""
        if self._settings.model == "gil":
            return "reachable"

        def run_one(chosen: Strategy) -> Run:
            def begin() -> None:
                self._runner.use_model("gil")
                self._runner.begin(chosen, patient=True, audited=True)

            return self._run(begin)

        searching = strategy.create("auto", Random(self._seed), under_gil.RUNS)
        return under_gil.search_under_gil(run, run_one, searching, schedule)

    def _minimise(self, run: Run) -> Schedule:
        """The simplest schedule that fails as ``run`` did; its own if that can't be made to fail again."""

        def attempt(schedule: Schedule) -> Candidate | None:
            tracking = Tracking(schedule)
            again = self._replay(tracking)
            if not again.same_failure(run):
                return None
            return Candidate(again.schedule, again.preemptions, tuple(tracking.choices))

        first = attempt(run.schedule)
        return run.schedule if first is None else minimise(first, attempt, self._settings.shrink).schedule

    def _replay(self, strategy: Replay, recording: Recording | None = None) -> Run:
        def begin() -> None:
            self._runner.use_model(self._settings.model)
            self._runner.begin(strategy, patient=True, recording=recording)

        return self._run(begin)

    def _record_serial(self, run: Run) -> Run:
        """Runs a failing serial interleaving once more, to record it. It stays as it is if it can't be repeated."""
        self._failed = True
        if run.kind == "hang":
            return run
        recorded = self._run(lambda: self._runner.begin(Serial(), patient=True, recording=Recording()))
        return recorded if recorded.same_failure(run) else run

    # ------------------------------------------------------------------ the result

    def _conclude(self, search: Search, run: Run) -> TestResult:
        verdict: Verdict = "passed"
        self._failed = run.failed or run.kind == "limit"
        if run.failed:
            verdict = self._verdict(search, run)
            self.failure = self._raise_what(search, run, verdict)
        vacuous = [name for name, held in self.api.conditions.items() if not held]
        if self.failure is None and vacuous and self._token is None:
            names = ", ".join(repr(name) for name in vacuous)
            self.failure = VacuousFailure(
                f"vacuous: {names} held in none of {search.done} interleavings (racecheck.sometimes): the test does "
                "not reach what it is about; check the condition, or raise --interleavings"
            )
            verdict = "serial-failure"
        if verdict == "passed" and search.is_proof():
            verdict = "proved"
        return TestResult(
            nodeid=self._nodeid,
            verdict=verdict,
            strategy=self._settings.strategy if self._token is None else "replay",
            seed=self._settings.seed,
            requested=search.requested,
            interleavings=search.done,
            distinct=max(1, len(search.traces)),
            exhaustive=verdict == "proved",
            first_failure=search.done - 1 if run.failed else None,
            seconds=search.seconds,
            per_second=search.per_second,
            failure=self._describe(search, run, verdict) if run.failed else None,
            outcomes=sorted(self.api.outcomes.items(), key=lambda item: (-item[1], item[0])),
            notes=self._notes(search),
            warnings=[] if run.failed or self._token is not None else self._warnings(search),
            sometimes=vacuous,
        )

    def _describe(self, search: Search, run: Run, verdict: Verdict) -> Failure:
        failure = build_failure(verdict, run, search.reproduced, self.failure, naps=self._runner.naps)
        failure.under_gil = self._under_gil
        if self._token is None:
            self._keep(failure)
        return failure

    def _verdict(self, search: Search, run: Run) -> Verdict:
        if run.kind in ("deadlock", "hang"):
            return "deadlock" if run.kind == "deadlock" else "hang"
        if self._token is not None:
            return "race" if self._token[0] else "serial-failure"
        if search.done == 1:
            return "serial-failure"
        return "race" if search.reproduced[0] else "nondeterministic"

    def _raise_what(self, search: Search, run: Run, verdict: Verdict) -> BaseException:
        if run.kind == "deadlock" and run.diagnosis is not None:
            return DeadlockFailure("\n".join(run.diagnosis.lines))
        if run.kind == "hang":
            return HangFailure(
                f"an interleaving did not end within {self._settings.timeout:g} s (--racecheck-timeout)\n{run.hang}"
            )
        assert run.error is not None
        if verdict == "nondeterministic":
            failure = NondeterministicFailure(
                f"interleaving {search.done - 1} failed with {type(run.error).__name__}: {run.error}; replaying its "
                f"schedule {REPLAYS} times did not show that again{search.divergence}. The usual causes: state that "
                "survives from one interleaving to the next (a module-level cache, a singleton), a clock or random "
                "numbers outside "
                "racecheck's control, the order of a set, a thread that it does not control"
            )
            failure.__cause__ = run.error
            return failure
        return run.error

    def _warnings(self, search: Search) -> list[str]:
        if search.threads < 2:
            return ["starts no second thread: there is nothing to interleave"]
        if search.is_proof() and len(search.traces) <= 1:
            return ["has one interleaving only: its threads touch nothing in common, or never run at the same time"]
        return []

    def _notes(self, search: Search) -> list[str]:
        notes = []
        if search.cut:
            notes.append(
                f"{search.cut} interleavings were cut after {self._settings.max_points} scheduling points "
                "(ini racecheck_max_points)"
            )
        if search.proof is not None:
            notes += [f"all interleavings were run, but this is no proof: {gap}" for gap in sorted(search.proof.gaps)]
        if search.uncontrolled:
            notes.append("only partly controlled: threads waited for " + ", ".join(sorted(search.uncontrolled)))
        following = self._following
        if following is not None and (following.left is not None or following.unused):
            path, kind, file, function, source, _ = following.left or next(iter(following.unused))
            where = f"{kind} {source!r} in {function} ({file})" if source else f"the {kind} of thread {path}"
            notes.append(
                f"the replay left its track at {where}: the code has changed there, or the test is another one"
            )
        return notes
