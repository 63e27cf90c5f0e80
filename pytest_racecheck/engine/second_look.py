"""A test that passed in all of a search is looked at again: for what the search could not see, and for findings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_racecheck.engine.recorder import Recording
from pytest_racecheck.strategy.replay import Replay, TokenReplay
from pytest_racecheck.strategy.serial import Serial

if TYPE_CHECKING:
    from pytest_racecheck.engine.books import Search
    from pytest_racecheck.engine.confirmation import Confirmation
    from pytest_racecheck.engine.run import Run
    from pytest_racecheck.engine.runner import Runner
    from pytest_racecheck.engine.schedule import MarkedDeviation
    from pytest_racecheck.strategy.base import Strategy
    from pytest_racecheck.watch.findings import Findings


class SecondLook:
    """Of one item. ``run_searching`` carries out an interleaving that the function which it is given begins.

    ``token``: what is replayed, if anything is. ``confirm`` replays a failure, and returns the last replay, recorded.
    """

    def __init__(
        self,
        runner: Runner,
        confirmation: Confirmation,
        findings: Findings,
        token: tuple[Sequence[MarkedDeviation], bool] | None,
        run_searching: Callable[[Callable[[], None]], Run],
        confirm: Callable[[Search, Run], Run],
    ) -> None:
        self._runner = runner
        self._confirmation = confirmation
        self._findings = findings
        self._token = token
        self._run_searching = run_searching
        self._confirm = confirm

    def look(self, search: Search, run: Run) -> Run:
        """Returns ``run``, the last one of the search, or one after it."""
        run = self._for_survivors(search, run)
        return run if run.failed else self._for_findings(search, run)

    def _for_survivors(self, search: Search, run: Run) -> Run:
        """Runs the serial schedule once more if something seems to be left of the first run, to be sure of it."""
        if self._token is not None or not self._runner.survivors():
            return run
        run = self._once_more()
        search.survivors = self._runner.survivors()
        if run.failed:
            search.stop()
            search.survives, search.reproduced = True, (0, 1)
        return run

    def _for_findings(self, search: Search, run: Run) -> Run:
        """The test's own checks pass. Fails it all the same if a detector found what it is to fail on."""
        findings = self._findings
        if self._runner.may_leak() and (self._token is None or findings.leaks_count):
            again = self._once_more()
            if again.failed:
                return again
        fatal = findings.fatal(search.is_proof())
        if fatal is None:
            return run
        search.stop()
        search.failed_at = fatal.finding.interleaving
        schedule = findings.pursue(fatal)
        if self._token is not None:
            return findings.as_failure(run)
        if fatal.finding.kind == "leak":  # the next run shows what this one left
            self._confirmation.replay(Replay(schedule))
            run = self._confirmation.replay(Replay(schedule), Recording())
            search.reproduced = (int(findings.was_left()), 1)
            return findings.as_failure(run)
        return self._confirm(search, findings.as_failure(replace(run, schedule=schedule)))

    def _once_more(self) -> Run:
        """One more run, so that what the last one left can be seen: its fixtures have to be gone for that."""
        recording = None
        following: Strategy = Serial()
        if self._token is not None:
            recording = Recording()
            following = TokenReplay(self._token[0], recording)
        return self._run_searching(lambda: self._runner.begin(following, patient=True, recording=recording))
