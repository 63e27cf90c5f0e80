"""The runs of one test under stress: how many, what a failure is worth, and the way back under control.

A failure that was met by chance says little, and nothing replays it. So the rest of the runs counts how often it comes,
and then the controlled search is asked for the same failure: if that finds it, it has a schedule and a token.

A test that sleeps, or waits with a time-out, may fail because the machine was slow, and for no other reason. A run in
which somebody came too late by more than half of the shortest of these times is not trusted: its failure counts only if
it comes again in a run that was not late, or under control, where time does not depend on the machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pytest_racecheck.engine import real

if TYPE_CHECKING:
    from pytest_racecheck.engine.books import Search
    from pytest_racecheck.engine.run import Run
    from pytest_racecheck.settings import Settings

#: All runs of a test together take at most so many times as long as one of them may.
TIME_LIMITS: Final = 6

#: Real seconds for counting how often a failure comes, and for finding it under control.
COUNTING_SECONDS: Final = 3.0
CONTROLLED_SECONDS: Final = 5.0


class StressSearch:
    """``run_stressed`` carries out the run of that number.

    ``run_controlled`` carries out the next one of a controlled search; None where that makes no sense.
    """

    def __init__(
        self,
        settings: Settings,
        run_stressed: Callable[[int], Run],
        run_controlled: Callable[[], Run] | None,
        progress: Callable[[int, float, int], None],
    ) -> None:
        self._settings = settings
        self._run_stressed = run_stressed
        self._run_controlled = run_controlled
        self._progress = progress
        self.notes: list[str] = []

    def search(self, search: Search) -> tuple[Run, Run | None]:
        """Runs the test until it fails, or as often as asked.

        Returns the run that fails, or the last one; and what fails under control, if that was found.
        """
        deadline = real.monotonic() + TIME_LIMITS * self._settings.timeout
        suspects: list[Run] = []
        run = search.last
        while search.done < self._settings.interleavings:
            if real.monotonic() > deadline:
                self.notes.append(self._out_of_time(search))
                break
            run = self._run_stressed(search.done)
            search.done += 1
            search.last = run
            search.threads = max(search.threads, run.threads)
            self._progress(search.done, search.per_second, run.threads)
            if run.failed and run.disturbed and run.kind == "failed":
                suspects.append(run)
            elif run.failed:
                search.stop()
                return self._settle(search, run)
        search.stop()
        return self._settle_suspects(search, run, suspects)

    def _out_of_time(self, search: Search) -> str:
        return (
            f"stress ended after {search.done} of {search.requested} interleavings: they run in real time, and had "
            f"{TIME_LIMITS * self._settings.timeout:g} s, {TIME_LIMITS} times the limit of one (--racecheck-timeout; "
            "ini racecheck_sleep_scale shortens the test's sleeps)"
        )

    def _settle(self, search: Search, failing: Run) -> tuple[Run, Run | None]:
        """Goes on, to see how often the failure comes, and then tries under control."""
        if failing.kind == "hang":
            search.reproduced = (1, search.done - 1)
            return failing, None
        deadline = real.monotonic() + COUNTING_SECONDS
        failed, number = 1, search.done
        while number < self._settings.interleavings and real.monotonic() < deadline:
            again = self._run_stressed(number)
            failed += again.same_failure(failing) and not again.disturbed
            number += 1
        search.reproduced = (failed, number - 1)  # the first one was not under stress
        found = self._under_control(failing)
        if found is None and failing.timed and failed == 1 and failing.kind == "failed":
            search.done = number
            self._dismiss(search, failing, 1, "it came once")
            return replace(failing, kind="passed", error=None), None
        self._tell(search.reproduced, failing, found)
        return failing, found

    def _settle_suspects(self, search: Search, last: Run, suspects: list[Run]) -> tuple[Run, Run | None]:
        """Failures that may be those of a slow machine count if the test fails under control."""
        if not suspects:
            return last, None
        failing = suspects[0]
        found = self._under_control(failing)
        if found is not None:
            search.reproduced = (len(suspects), search.done - 1)
            self._tell(search.reproduced, failing, found)
            return failing, found
        self._dismiss(search, failing, len(suspects), "the machine was late each time")
        return replace(last, kind="passed", error=None), None

    def _dismiss(self, search: Search, failing: Run, times: int, why: str) -> None:
        self.notes.append(
            f"{times} of {search.done} interleavings failed ({type(failing.error).__name__}: {failing.error}), which "
            f"does not count: the test measures time, {why}, and it was not seen to fail under control"
        )

    def _tell(self, reproduced: tuple[int, int], failing: Run, found: Run | None) -> None:
        under_stress = f"reproduced {reproduced[0]}/{reproduced[1]} under stress"
        if found is None:
            control = "" if self._run_controlled is None else ", and not under control"
            self.notes.append(
                f"{under_stress}{control}: there is no token; shown are the last operations of each thread, in about "
                "their order"
            )
        elif found.same_failure(failing):
            self.notes.append(f"{under_stress}, and under control: what is shown, and the token, are from there")
        else:
            self.notes.append(
                f"{under_stress} ({_headline(failing)}); under control the test fails too, but differently: what is "
                "shown, and the token, are from there"
            )

    def _under_control(self, failing: Run) -> Run | None:
        """The same failure under control; another one if only that is found; None if the test does not fail there."""
        if self._run_controlled is None:
            return None
        other: Run | None = None
        deadline = real.monotonic() + CONTROLLED_SECONDS
        for _ in range(self._settings.interleavings):
            if real.monotonic() > deadline:
                break
            run = self._run_controlled()
            if run.same_failure(failing):
                return run
            if run.failed and run.kind != "hang" and other is None:
                other = run
        return other


def _headline(run: Run) -> str:
    if run.diagnosis is not None:
        return f"{run.diagnosis.kind}: {run.diagnosis.cycle}"
    return f"{type(run.error).__name__}: {run.error}".partition("\n")[0]
