"""What an exploration came to: the verdict, what pytest is to raise, and the result for all reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pytest_racecheck.engine.errors import (
    DeadlockFailure,
    FindingFailure,
    HangFailure,
    NondeterministicFailure,
    ThreadFailure,
    VacuousFailure,
)
from pytest_racecheck.engine.result import build_failure
from pytest_racecheck.report.model import Failure, TestResult, UnderGil, Verdict

if TYPE_CHECKING:
    from pytest_racecheck.engine.api import RunApi
    from pytest_racecheck.engine.books import Search
    from pytest_racecheck.engine.run import Run
    from pytest_racecheck.engine.schedule import MarkedDeviation
    from pytest_racecheck.settings import Settings
    from pytest_racecheck.strategy.replay import TokenReplay
    from pytest_racecheck.stress.fallback import Control
    from pytest_racecheck.watch.findings import Findings


@dataclass
class Conclusion:
    """All that is known at the end; ``run`` is the last one, which stays set up.

    ``token`` and ``following``: of the one schedule that was asked for, None in a search. ``stress_notes``: what is to
    be said of a test under stress, None if it was not. ``raised``: what the test fails with, once there is a `result`.
    """

    settings: Settings
    nodeid: str
    search: Search
    run: Run
    api: RunApi
    findings: Findings
    control: Control
    token: tuple[list[MarkedDeviation], bool] | None
    following: TokenReplay | None
    stress_notes: list[str] | None
    under_gil: UnderGil
    naps: bool
    raised: BaseException | None = field(default=None, init=False)

    def result(self) -> TestResult:
        """The result for all reports; `raised` is there afterwards."""
        search, run, verdict = self.search, self.run, self._verdict()
        if run.failed:
            self.raised = self._failure(verdict)
        failure = self._describe(verdict) if run.failed else None
        if failure is not None and run.kind == "deadlock" and run.diagnosis is not None:
            run.diagnosis.kind = failure.cause  # the whole run tells more than its end does
            self.raised = self._failure(verdict)
        vacuous = [name for name, held in self.api.conditions.items() if not held]
        if self.raised is None and vacuous and self.token is None:
            self.raised = VacuousFailure.of(vacuous, search.done)
            verdict = "serial-failure"
        return TestResult(
            nodeid=self.nodeid,
            verdict=verdict,
            strategy=self._strategy(),
            seed=self.settings.seed,
            requested=search.requested,
            interleavings=search.done,
            # Nobody knows which runs under stress were equivalent.
            distinct=max(1, len(search.traces)) if self.stress_notes is None else 0,
            exhaustive=verdict == "proved",
            first_failure=search.first_failure if run.failed else None,
            seconds=search.seconds,
            per_second=search.per_second,
            failure=failure,
            outcomes=sorted(self.api.outcomes.items(), key=lambda item: (-item[1], item[0])),
            notes=self._notes(),
            warnings=[] if run.failed or self.token is not None else self._warnings(),
            sometimes=vacuous,
            findings=self.findings.told(search.is_proof()),
            coverage=self.findings.coverage(),
        )

    def _verdict(self) -> Verdict:
        search, run = self.search, self.run
        if not run.failed:
            return "proved" if search.is_proof() else "passed"
        if run.kind in ("deadlock", "livelock", "hang"):
            return "deadlock" if run.kind == "deadlock" else "hang"
        pursued = self.findings.pursued
        if self.token is not None:
            return "race" if self.token[0] or pursued is not None else "serial-failure"
        if search.done == 1 if pursued is None else pursued.finding.kind == "leak" and not run.schedule:
            return "race" if search.other_order else "serial-failure"
        is_steady = search.reproduced[0] and (pursued is not None or not search.diverges)
        return "race" if is_steady else "nondeterministic"

    def _strategy(self) -> str:
        if self.token is not None:
            return "replay"
        return self.settings.strategy if self.stress_notes is None else "stress"

    def _describe(self, verdict: Verdict) -> Failure:
        pursued = self.findings.pursued
        finding = None if pursued is None else pursued.finding
        # What ran into the time limit is not replayed: it would take the whole time again.
        reproduced = (0, 0) if self.run.kind == "hang" else self.search.reproduced
        failure = build_failure(verdict, self.run, reproduced, self.raised, naps=self.naps, finding=finding)
        failure.under_gil = self.under_gil
        failure.replay_options = self._replay_options(failure)
        return failure

    def _replay_options(self, failure: Failure) -> list[str]:
        options = []
        if self.settings.seed:  # random numbers, the test's own as well, are drawn from it
            options.append(f"--racecheck-seed={self.settings.seed}")
        if self.settings.unasked:
            options.append("--racecheck-all")
            if self.settings.threads is not None:
                options.append(f"--racecheck-threads={self.settings.threads}")
        if failure.finding is not None:
            options.append(f"--racecheck-fail-on={failure.finding}")
        return options

    # ------------------------------------------------------------------ what the test fails with

    def _failure(self, verdict: Verdict) -> BaseException:
        run = self.run
        if run.kind == "deadlock" and run.diagnosis is not None:
            return DeadlockFailure("\n".join(run.diagnosis.lines))
        if run.kind == "livelock" and run.diagnosis is not None:
            return HangFailure("\n".join(run.diagnosis.lines))
        if run.kind == "hang":
            return HangFailure(
                f"an interleaving did not end within {self.settings.timeout:g} s (--racecheck-timeout)\n{run.hang}"
            )
        assert run.error is not None
        if isinstance(run.error, KeyboardInterrupt):  # which would end the session, coming from the main thread
            interrupted = ThreadFailure(f"KeyboardInterrupt was raised in {run.thread}")
            interrupted.__cause__ = run.error
            return interrupted
        if verdict != "nondeterministic":
            return run.error
        failure = NondeterministicFailure(self._what_differs(run.error))
        failure.__cause__ = None if isinstance(run.error, FindingFailure) else run.error
        return failure

    def _what_differs(self, error: BaseException) -> str:
        search = self.search
        what = f"{type(error).__name__}: {error}".partition("\n")[0].removesuffix(": ")
        if search.survives:
            return (
                f"{what}, in interleaving {search.first_failure} and by now in the serial one as well, which passed at "
                f"first: that is chance, or state survives from one interleaving to the next{self._first_difference()}"
            )
        again, replays = search.reproduced
        return (
            f"{what}, in interleaving {search.first_failure} and in {again or 'none'} of {replays} replays of its "
            f"schedule{self._first_difference()}"
        )

    def _first_difference(self) -> str:
        return f"; two of these first differ at {self.search.divergence}" if self.search.divergence else ""

    # ------------------------------------------------------------------ what else is to be said

    def _warnings(self) -> list[str]:
        found = self.findings.warnings(self.search.is_proof())
        return [*self._vain(), *self._surviving(), *self._skipped(), *found]

    def _vain(self) -> list[str]:
        search = self.search
        if self.stress_notes is not None and self.settings.strategy == "auto":
            return [f"is not controlled, only put under stress: {self.control.why}"]
        if search.threads < 2 and not self.settings.unasked:
            return ["starts no second thread: there is nothing to interleave"]
        if search.is_proof() and len(search.traces) <= 1:
            return ["has one interleaving only: its threads touch nothing in common, or never run at the same time"]
        return []

    def _surviving(self) -> list[str]:
        raced = [str(each) for each in self.search.survivors if each.many and each.is_read]
        if not raced:
            return []
        names = ", ".join(raced[:_SURVIVORS])
        more = f" and {len(raced) - _SURVIVORS} more (-v)" if len(raced) > _SURVIVORS else ""
        why = "that outlives it, so all others found it done, and no race for it could show"
        return [f"writes {names}{more} in interleaving 0 only: {why}; put it back in a function-scoped fixture"]

    def _skipped(self) -> list[str]:
        search = self.search
        return [
            f"skips itself in {times:,} of {search.done:,} interleavings, where nothing is checked then: {reason}"
            for reason, times in search.skipped.items()
        ]

    def _notes(self) -> list[str]:
        search, notes = self.search, list(self.stress_notes or ())
        if self.stress_notes is not None and self.settings.strategy == "auto":
            notes.append(f"went over from auto to stress, where nothing is controlled: {self.control.why}")
        elif self.stress_notes is not None and self.control.blind is not None:
            notes.append(f"nothing was done at accesses to memory: {self.control.blind}")
        if search.cut:
            notes.append(
                f"{search.cut} interleavings were cut after {self.settings.max_points} scheduling points "
                "(ini racecheck_max_points)"
            )
        if search.proof is not None:
            notes += [f"all interleavings were run, but this is no proof: {gap}" for gap in sorted(search.proof.gaps)]
        notes += [f"no proof: only interleaving 0 writes {each}, which outlives it" for each in search.survivors]
        if search.uncontrolled:
            notes.append("only partly controlled: threads waited for " + ", ".join(sorted(search.uncontrolled)))
        if self.run.kind == "failed" and self.run.recording is None and self.stress_notes is None:
            notes.append(
                f"the failing interleaving is too long to be recorded in {self.settings.timeout:g} s "
                "(--racecheck-timeout), so its steps are not told"
            )
        following = self.following
        if following is not None and (following.left is not None or following.unused):
            path, kind, file, function, source, _ = following.left or next(iter(following.unused))
            where = f"{kind} {source!r} in {function} ({file})" if source else f"the {kind} of thread {path}"
            notes.append(
                f"the replay left its track at {where}: the code has changed there, or the test is another one"
            )
        return notes


#: So many places that outlive an interleaving are named in a warning.
_SURVIVORS: Final = 3
