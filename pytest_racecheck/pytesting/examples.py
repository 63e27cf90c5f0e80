"""The books of a test with Hypothesis's ``@given``: what its examples came to, and the schedules that broke some."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_racecheck.engine import real
from pytest_racecheck.engine.errors import VacuousFailure
from pytest_racecheck.engine.explorer import Explorer
from pytest_racecheck.engine.recorder import Recording
from pytest_racecheck.strategy.replay import Replay

if TYPE_CHECKING:
    from types import TracebackType

    from pytest_racecheck.engine.books import Search
    from pytest_racecheck.engine.run import Run
    from pytest_racecheck.report.model import TestResult
    from pytest_racecheck.settings import Settings
    from pytest_racecheck.shrink.database import FailureDatabase

#: All examples together get so many times the interleavings of a test that has no examples.
SHARE: Final = 10

#: No example gets less than this, unless the whole test does; while a failing one is made smaller, none gets more.
LEAST: Final = 20

#: Making the example smaller takes at most so many times the seconds for making a schedule simpler.
SHRINKING: Final = 10

#: Schedules that broke other examples, tried on each one before others are looked for.
_TRIED: Final = 5


def for_each(interleavings: int, examples: int) -> int:
    """How many interleavings an example gets: so many that all of them together get ``SHARE`` times the usual."""
    return min(interleavings, max(LEAST, SHARE * interleavings // max(1, examples)))


class Earlier(NamedTuple):
    """An example that failed."""

    failure: BaseException
    trace: TracebackType | None
    result: TestResult


class ExampleExplorer(Explorer):
    """Explores one example. Unless ``thorough``, a failure is replayed once and reported as it is.

    ``conditions`` of ``racecheck.sometimes`` are left to whoever has seen all examples.
    """

    thorough = True

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.conditions: dict[str, bool] = {}

    def _confirm(self, search: Search, run: Run) -> Run:
        if self.thorough or run.kind == "hang":
            return super()._confirm(search, run)
        again = self._confirmation.replay(Replay(run.schedule), Recording())
        search.reproduced = (int(again.same_failure(run)), 1)
        return again if search.reproduced[0] else run

    def _conclude(self, search: Search, run: Run) -> TestResult:
        self.conditions, self.api.conditions = self.api.conditions, {}
        return super()._conclude(search, run)


class Ledger:
    """What the examples of one test came to. To an explorer it is the database of failing schedules.

    The same example has to come to the same end whenever Hypothesis tries it, else that calls the test flaky: so what
    is known about one is not looked for again.
    """

    def __init__(self, settings: Settings, nodeid: str, examples: int, database: FailureDatabase | None) -> None:
        self.each = 1 if settings.replay else for_each(settings.interleavings, examples)
        self.requested = self.each * examples
        self.done = 0
        self._failed: dict[object, Earlier] = {}
        self._last: Earlier | None = None
        self._settings = settings
        self._nodeid = nodeid
        self._database = database
        self._passed: set[object] = set()
        self._tokens: list[str] = []
        self._kept: list[str] = []
        with contextlib.suppress(OSError):
            self._kept = database.fetch(nodeid) if database is not None else []
        self._results: list[TestResult] = []
        self._conditions: dict[str, bool] = {}
        self._failed_at: float | None = None
        self._hung = False

    def settings(self) -> Settings:
        """With how many interleavings to explore the next example."""
        count = self.each if self._failed_at is None else min(self.each, LEAST)
        return replace(self._settings, interleavings=count)

    def is_done(self, key: object) -> bool:
        """Whether an example has passed, or need not be looked at: there is a failure, and time for others is up."""
        if key is not None and key in self._passed:
            return True
        if self._failed_at is None:
            return False
        return self._hung or real.monotonic() - self._failed_at > SHRINKING * self._settings.shrink

    def add(self, result: TestResult, conditions: dict[str, bool]) -> None:
        """One more example was explored. Those that only make a failing one smaller don't count."""
        for name, held in conditions.items():
            self._conditions[name] = self._conditions.get(name, False) or held
        if self._failed_at is None:
            self._results.append(result)
            self.done += result.interleavings

    def passed(self, key: object) -> None:
        """The example ``key`` holds."""
        self._passed.add(key)

    def broken(self, key: object, how: Earlier) -> None:
        """The example ``key`` fails; None for one that its key alone would not bring back."""
        if self._failed_at is None:
            self._failed_at = real.monotonic()
        self._hung = self._hung or how.result.verdict == "hang"
        self._last = how
        if key is not None:
            self._failed[key] = how

    def earlier(self, key: object, is_final: bool) -> Earlier | None:
        """How an example failed before. The one that is reported has failed, known by its key or not."""
        known = self._failed.get(key) or (self._last if is_final else None)
        if known is not None and known.result.failure is not None and known.result.failure.token:
            self.save(self._nodeid, known.result.failure.token)
        return known

    # --- in place of a database, for an explorer

    def fetch(self, nodeid: str) -> list[str]:
        """What to try first."""
        return [*self._tokens, *self._kept][:_TRIED]

    def save(self, nodeid: str, token: str) -> None:
        """A schedule broke an example."""
        if token in self._tokens:
            self._tokens.remove(token)
        self._tokens.insert(0, token)

    def drop(self, nodeid: str, token: str) -> None:
        """A schedule breaks one example, and another it does not."""

    # --- the whole

    def close(self) -> None:
        """Keep for the next session what broke the last example; nothing if there was none that failed."""
        with contextlib.suppress(OSError):
            if self._database is None or self._settings.replay:
                return
            if self._tokens:
                self._database.save(self._nodeid, self._tokens[0])
            elif self._last is None:
                for token in self._kept:
                    self._database.drop(self._nodeid, token)

    def failing(self, result: TestResult) -> TestResult:
        """``result``, of the example that is reported, as the result of the test."""
        whole = self._whole(result)
        if result.first_failure is not None:
            whole.first_failure = max(0, self.done - 1) if result.verdict != "serial-failure" else 0
        return whole

    def passing(self) -> tuple[TestResult | None, BaseException | None]:
        """The result of a test whose examples all hold; and the failure that it is if a condition was never true."""
        if not self._results:
            return None, None
        whole = replace(self._whole(self._results[-1]), verdict="passed", exhaustive=False)
        never = [name for name, held in self._conditions.items() if not held]
        if not never or self._settings.replay:
            return whole, None
        return replace(whole, verdict="serial-failure", sometimes=never), VacuousFailure.of(never, self.done)

    def _whole(self, result: TestResult) -> TestResult:
        results = self._results or [result]
        outcomes: Counter[str] = Counter()
        for each in results:
            outcomes.update(dict(each.outcomes))
        seconds = sum(each.seconds for each in results)
        proved = sum(each.verdict == "proved" for each in results)
        noted = dict.fromkeys(note for each in results if each.verdict in ("passed", "proved") for note in each.notes)
        summary = (
            f"{len(results)} example{'' if len(results) == 1 else 's'} of Hypothesis, each under {self.each} "
            f"interleavings at most; all interleavings of {proved} of them were run"
        )
        return replace(
            result,
            requested=self.requested,
            interleavings=self.done,
            distinct=sum(each.distinct for each in results),
            seconds=seconds,
            per_second=self.done / max(seconds, 1e-9),
            outcomes=sorted(outcomes.items(), key=lambda item: (-item[1], item[0])),
            notes=[summary, *(noted if result.failure is None else result.notes)],
            warnings=[] if result.failure else [w for w in result.warnings if all(w in r.warnings for r in results)],
        )
