"""The hooks that do something for each marked test; registered only when there is one."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_racecheck.engine.errors import Unwind
from pytest_racecheck.engine.watchdog import WATCHDOG
from pytest_racecheck.instrument import InstrumentationError
from pytest_racecheck.pytesting import debugger, private, probe, progress
from pytest_racecheck.pytesting.explored import ExploredItem
from pytest_racecheck.pytesting.marked import is_property
from pytest_racecheck.pytesting.reruns import reruns_off
from pytest_racecheck.pytesting.results import attach
from pytest_racecheck.shrink.database import FailureDatabase

if TYPE_CHECKING:
    from pytest_racecheck.settings import Settings


class ItemHooks:
    """Explores the items of ``selected``; all others pass through."""

    def __init__(self, selected: Mapping[pytest.Item, Settings], why_not: Mapping[pytest.Item, str]) -> None:
        self._selected = selected
        self._why_not = why_not
        self._probed = False
        #: Why this worker of pytest-xdist, which can't end the session, must not run marked tests.
        self._blind: str | None = None
        self._running: ExploredItem | None = None
        self._line: progress.ProgressLine | None = None

    @property
    def running(self) -> ExploredItem | None:
        """The item that is being explored."""
        return self._running

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Everything about one item happens inside."""
        __tracebackhide__ = True
        settings = self._selected.get(item)
        if settings is None:
            return (yield)
        missing = private.missing_names(item)
        if missing:
            raise pytest.UsageError(
                f"racecheck can't run a test again under pytest {pytest.__version__}, without {', '.join(missing)}; "
                "use pytest 8.4 to 9.2, or a newer racecheck"
            )
        self._probe(item.config)
        self._running = _explored(item, settings)(item, settings, self._progress, self._database(item.config))
        self._line = progress.for_item(item, self._running.requested)
        try:
            with reruns_off(item), debugger.started_still():
                return (yield)
        finally:
            self._running.release()
            self._running = None

    def _progress(self, done: int, per_second: float, threads: int) -> None:
        if self._line is not None:
            self._line.update(done, per_second, threads)

    def _probe(self, config: pytest.Config) -> None:
        if self._probed:
            return
        self._probed = True
        # A test that fails for want of instrumentation says so itself.
        with contextlib.suppress(InstrumentationError):
            reason = probe.blindness()
            if reason is not None and not hasattr(config, "workerinput"):
                pytest.exit(reason, returncode=pytest.ExitCode.INTERNAL_ERROR)
            self._blind = reason

    def _database(self, config: pytest.Config) -> FailureDatabase | None:
        """Where failing schedules are kept, beside what pytest keeps; None without that."""
        cache = getattr(config, "cache", None)
        return None if cache is None else FailureDatabase(cache.mkdir("racecheck"))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        """Nothing runs that could pass unseen."""
        if self._running is not None and self._blind is not None:
            pytest.fail(self._blind, pytrace=False)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self) -> Generator[None, object, object]:
        """The progress line is gone before anyone else writes."""
        __tracebackhide__ = True
        try:
            return (yield)
        finally:
            if self._line is not None:
                self._line.erase()
                self._line = None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self) -> Generator[None, object, object]:
        """The engine is let go when the last fixture is gone."""
        __tracebackhide__ = True
        try:
            return (yield)
        finally:
            if self._running is not None:
                self._running.close()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Wider fixtures belong to no interleaving, whenever they are set up."""
        __tracebackhide__ = True
        running = self._running
        if running is None:
            return (yield)
        if request.scope != "function":  # set up once, for all interleavings: outside of the engine's control
            with running.wider():
                return (yield)
        try:
            value = yield
        except Unwind as error:  # of which pytest knows nothing
            private.remember_failure(fixturedef, request, error)
            raise
        if fixturedef.argname == "subtests":
            running.subtests.adopt(value)
        return value

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """The report of the call phase takes the result with it, or why there is none."""
        __tracebackhide__ = True
        running = self._running
        if running is None:
            report = yield
            # A subtest's report has a type of its own.
            if call.when == "call" and item in self._why_not and type(report) is pytest.TestReport:
                report.racecheck_why_not = self._why_not[item]  # type: ignore[attr-defined]
            return report
        with running.suspended():
            report = yield
        if call.when == "call" and running.result is not None:
            result = running.result
            if report.failed and call.excinfo is None and result.verdict == "proved":
                # Another plugin saw something in the end; in which of the interleavings, nobody knows.
                note = "no proof: a plugin failed the report, although no interleaving raised an exception"
                result = replace(result, verdict="passed", exhaustive=False, notes=[*result.notes, note])
            attach(running.item, report, result)
        elif call.when == "call" and running.why_not:
            report.racecheck_why_not = running.why_not  # type: ignore[attr-defined]
        return report

    def pytest_enter_pdb(self, pdb: Any) -> None:
        """A person at a prompt takes the time that it takes: this interleaving has no time limit any longer."""
        WATCHDOG.disarm()
        if self._running is not None:
            debugger.keep_still(pdb)


def _explored(item: pytest.Item, settings: Settings) -> type[ExploredItem]:
    if settings.unasked and settings.replay is None:  # what is replayed was explored before
        from pytest_racecheck.pytesting.unasked import UnaskedItem

        return UnaskedItem
    if is_property(item):
        from pytest_racecheck.pytesting.hypothesis_item import ExploredProperty

        return ExploredProperty
    return ExploredItem
