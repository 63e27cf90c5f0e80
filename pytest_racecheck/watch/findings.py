"""What the detectors found in a test, and which of it makes the test fail."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_racecheck.engine.errors import DataRaceFailure, FindingFailure, LeakFailure, LockOrderFailure
from pytest_racecheck.watch.suppressions import suppress
from pytest_racecheck.watch.watcher import Watcher

if TYPE_CHECKING:
    from pytest_racecheck.engine.run import Run
    from pytest_racecheck.engine.schedule import Schedule
    from pytest_racecheck.report.model import Coverage, Finding
    from pytest_racecheck.settings import Settings

#: What only shows for sure when every interleaving is watched.
_THOROUGH: Final = frozenset(("data-race", "lock-order"))

_FAILURES: Final[dict[str, type[FindingFailure]]] = {
    "data-race": DataRaceFailure,
    "lock-order": LockOrderFailure,
    "leak": LeakFailure,
}

#: So many warnings of one test are given; -v and JSON have all.
_WARNINGS: Final = 3


class Fatal(NamedTuple):
    """A finding that makes the test fail; ``key`` names it from run to run."""

    key: Hashable
    finding: Finding

    @property
    def error(self) -> FindingFailure:
        """What to raise."""
        return _FAILURES[self.finding.kind](self.finding.text)


class Findings:
    """What was found in the interleavings of one test."""

    def __init__(self, settings: Settings) -> None:
        self._fail_on = frozenset(settings.fail_on)
        self._suppressions = settings.suppressions
        thorough = settings.watch or bool(self._suppressions) or not self._fail_on.isdisjoint(_THOROUGH)
        self.watcher = Watcher(every=thorough, covers=settings.watch)
        #: The finding that is looked for again, and who watches for it.
        self.pursued: Fatal | None = None
        self.pursuer: Watcher | None = None

    def _all(self, proved: bool) -> Iterator[Fatal]:
        watcher = self.watcher
        for found in (
            watcher.races.findings(),
            watcher.lock_order.findings(proved, watcher.handed),
            watcher.leaks.items(),
        ):
            for key, finding in found:
                suppress(finding, self._suppressions)
                yield Fatal(key, finding)

    def told(self, proved: bool) -> list[Finding]:
        """All of them, for the report. ``proved``: every interleaving was run."""
        return [found.finding for found in self._all(proved)]

    def coverage(self) -> Coverage | None:
        """In which orders lines met; None if they never did."""
        coverage = self.watcher.orders.coverage()
        return coverage if coverage.pairs else None

    def warnings(self, proved: bool) -> list[str]:
        """What to say of a test that passes."""
        texts = [
            f"shows a {finding.text}"
            for finding in self.told(proved)
            if finding.kind != "data-race" and not (finding.harmless or finding.suppressed)
        ]
        more = len(texts) - _WARNINGS
        return texts[:_WARNINGS] + ([f"shows {more} more of that (-v)"] if more > 0 else [])

    def fatal(self, proved: bool) -> Fatal | None:
        """The first that makes the test fail."""
        for found in self._all(proved):
            finding = found.finding
            if finding.kind in self._fail_on and not finding.suppressed and _is_forbidden(finding):
                return found
        return None

    @property
    def leaks_count(self) -> bool:
        """Whether a leak makes the test fail."""
        return "leak" in self._fail_on

    def watching(self, interleaving: int, *, searching: bool) -> tuple[Watcher, int] | None:
        """Who watches the next run, and its number; ``searching``: it is part of the search."""
        if self.pursuer is not None:
            return self.pursuer, interleaving
        return (self.watcher, interleaving) if searching and self.watcher.watches(interleaving) else None

    def was_left(self) -> bool:
        """Whether the leak that is pursued was there again when the last run was torn down."""
        return self.pursued is not None and self.pursuer is not None and self.pursued.key in self.pursuer.left

    def pursue(self, fatal: Fatal) -> Schedule:
        """From now on, a run that shows ``fatal`` again has failed. Returns the schedule that first showed it."""
        self.pursued = fatal
        self.pursuer = Watcher(every=True, covers=False)
        return self.watcher.schedules.get(fatal.finding.interleaving, ())

    def judged(self, run: Run) -> Run:
        """``run``, failed if it shows what is pursued."""
        if self.pursued is None or self.pursuer is None or run.kind != "passed":
            return run
        return self.as_failure(run) if self.pursued.key in self.pursuer.seen else run

    def as_failure(self, run: Run) -> Run:
        """``run``, which passed, as one that fails with what is pursued."""
        assert self.pursued is not None
        return replace(run, kind="failed", error=self.pursued.error)


def _is_forbidden(finding: Finding) -> bool:
    """Whether it counts for those who asked to fail on its kind.

    Locks in one order everywhere is a rule that does not depend on whether this test can come to a deadlock.
    """
    return finding.kind == "lock-order" or not finding.harmless
