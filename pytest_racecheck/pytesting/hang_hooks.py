"""Tests that take longer than their time: those that nobody explores, and whatever keeps the session from going on."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_racecheck.engine import older, real
from pytest_racecheck.engine.errors import HangFailure, Unwind
from pytest_racecheck.engine.watchdog import WATCHDOG
from pytest_racecheck.pytesting import private
from pytest_racecheck.pytesting.lost_workers import tell_controller
from pytest_racecheck.pytesting.results import attach
from pytest_racecheck.pytesting.timed import TimedPhase
from pytest_racecheck.report.model import Failure, TestResult
from pytest_racecheck.stacks.client import SENTINEL

if TYPE_CHECKING:
    from pytest_racecheck.settings import Settings
    from pytest_racecheck.stacks.collect import Hang

#: Real seconds that writing all reports may take once the main thread is lost.
_LAST_SECONDS: Final = 20.0

_LOST: Final = "the main thread did not come back, so the session ends here; tests after this one were not run"
_LOST_WORKER: Final = "the main thread did not come back, so this worker ends; the others run the rest"


class HangHooks:
    """``seconds``: the limit of each phase of a test that is not among ``explored``; None: they have no limit."""

    def __init__(self, seconds: float | None, explored: Mapping[pytest.Item, Settings]) -> None:
        self._seconds = seconds
        self._explored = explored
        self._session: pytest.Session
        self._item: pytest.Item | None = None
        self._phase: TimedPhase | None = None
        #: The phases of the item whose threads are not to be waited for.
        self._hung: list[TimedPhase] = []
        self._when = ""
        self._began = 0.0

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """While tests run, a main thread that is lost ends the session."""
        __tracebackhide__ = True
        self._session = session
        WATCHDOG.lost = self._lost
        try:
            return (yield)
        finally:
            WATCHDOG.lost = None

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """No process of ours outlives the session."""
        SENTINEL.stop()

    # ------------------------------------------------------------------ one item

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Tests that nobody explores are watched here."""
        __tracebackhide__ = True
        self._item, self._began = item, real.monotonic()
        watched = self._seconds is not None and item not in self._explored
        if watched:
            WATCHDOG.start()
        try:
            result = yield
            if WATCHDOG.interrupted:  # while the test hung, the end of which hid it
                raise KeyboardInterrupt
            return result
        except KeyboardInterrupt:
            # Nobody else would, and the interpreter waits for some of them.
            WATCHDOG.end_processes()
            if self._phase is not None:
                self._hung.append(self._phase)
            raise
        finally:
            WATCHDOG.interrupted = False
            if watched:
                WATCHDOG.stop()
            for phase in self._hung:
                phase.let_go()
            self._hung.clear()
            self._item = None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None]:
        """The set-up has the limit."""
        __tracebackhide__ = True
        with self._limited(item, "setup"):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None]:
        """The test itself has the limit."""
        __tracebackhide__ = True
        with self._limited(item, "call"):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None]:
        """The tear-down has the limit."""
        __tracebackhide__ = True
        with self._limited(item, "teardown"):
            return (yield)

    @contextlib.contextmanager
    def _limited(self, item: pytest.Item, when: str) -> Generator[None]:
        __tracebackhide__ = True
        self._when = when
        if self._seconds is None or item in self._explored:
            yield
            return
        self._phase = TimedPhase(raises=Unwind if when == "call" else HangFailure)
        WATCHDOG.arm(self._phase, self._seconds)
        try:
            yield
        finally:
            if WATCHDOG.disarm():
                self._hung.append(self._phase)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """What was interrupted failed because it hung."""
        phase, self._phase = self._phase, None
        hang = phase.hang if phase is not None else None
        # In an explored call, a HangFailure is what the engine found out and reports itself.
        kinds = (Unwind,) if call.when == "call" else (Unwind, HangFailure)
        if hang is None and call.excinfo is not None and isinstance(call.excinfo.value, kinds):
            hang = WATCHDOG.hang
        if hang is None:
            return (yield)
        failure = HangFailure(f"{_what(call.when, item in self._explored, WATCHDOG.seconds)}\n{hang.summary}")
        call.excinfo = _raised(failure)
        report = yield
        report.longrepr = private.text_as_failure(item, failure, str(failure))
        attach(item, report, self._result(item, failure, hang, call.duration))
        return report

    # ------------------------------------------------------------------ the end

    def _lost(self, interrupted: bool) -> None:
        """Writes all reports, and ends the process: no test can follow. Runs in any thread but the main one."""
        config = self._session.config
        status = pytest.ExitCode.INTERRUPTED if interrupted else pytest.ExitCode.TESTS_FAILED
        real.start_new_thread(_end_process, (config, status, _LAST_SECONDS))
        item, session, hang = self._item, self._session, WATCHDOG.hang
        older.free(sys._current_frames())  # no other thread goes on, and the hooks to come may log
        try:
            private.stop_capturing(config)
            if item is not None and hang is not None:
                explored = item in self._explored
                is_worker = hasattr(config, "workerinput")
                end = _LOST_WORKER if is_worker else _LOST
                what = "interrupted by Ctrl-C" if interrupted else _what(self._when, explored, WATCHDOG.seconds)
                failure = HangFailure(f"{what}\n{hang.summary}\n{end}")
                result = self._result(item, failure, hang, real.monotonic() - self._began)
                if is_worker:
                    tell_controller(config, result, str(failure))
                else:
                    self._report(item, failure, result)
                    private.forget_set_up(session)
                    if interrupted:
                        config.hook.pytest_keyboard_interrupt(excinfo=_raised(KeyboardInterrupt()))
                    session.exitstatus = status
                    config.hook.pytest_sessionfinish(session=session, exitstatus=status)
        finally:
            WATCHDOG.end_processes()
            _end_process(config, status, 0)

    def _result(self, item: pytest.Item, failure: HangFailure, hang: Hang, seconds: float) -> TestResult:
        """The result of a test that was run once, as it is, or whose exploration came to no end."""
        settings = self._explored.get(item)
        return TestResult(
            nodeid=item.nodeid,
            verdict="hang",
            strategy="none" if settings is None else settings.strategy,
            seed=0 if settings is None else settings.seed,
            requested=1,
            interleavings=1,
            distinct=1,
            exhaustive=False,
            first_failure=None,
            seconds=seconds,
            per_second=1 / max(seconds, 1e-9),
            failure=Failure(
                kind="hang",
                exception="HangFailure",
                message=str(failure).partition("\n")[0],
                token="",
                threads=hang.threads,
                folded=hang.folded,
                processes=hang.processes,
                stacks_by=hang.stacks_by,
            ),
        )

    def _report(self, item: pytest.Item, failure: HangFailure, result: TestResult) -> None:
        text = private.text_as_failure(item, failure, str(failure))
        where: dict[str, Any] = {"nodeid": item.nodeid, "location": item.location, "keywords": {}}
        report = pytest.TestReport(**where, outcome="failed", longrepr=text, when="call", duration=result.seconds)
        attach(item, report, result)
        item.ihook.pytest_runtest_logreport(report=report)
        # JUnit's XML waits for it.
        end = pytest.TestReport(
            **where, outcome="passed", longrepr=None, when="teardown", user_properties=item.user_properties
        )
        item.ihook.pytest_runtest_logreport(report=end)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def _end_process(config: pytest.Config, status: int, seconds: float) -> None:
    real.sleep(seconds)
    if config.pluginmanager.has_plugin("terminalreporter"):
        config.get_terminal_writer().flush()
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        with contextlib.suppress(Exception):
            stream.flush()  # type: ignore[union-attr]
    os._exit(int(status))


def _what(when: str, explored: bool, seconds: float) -> str:
    if explored:
        what = {"setup": "the set-up of an interleaving", "teardown": "the tear-down"}.get(when, "an interleaving")
        return f"{what} did not end within {seconds:g} s (--racecheck-timeout)"
    what = {"setup": "the set-up of the test", "teardown": "the tear-down of the test"}.get(when, "the test")
    return f"{what} did not end within {seconds:g} s (ini racecheck_hang_timeout)"


def _raised(error: BaseException) -> pytest.ExceptionInfo[BaseException]:
    try:
        raise error
    except type(error) as raised:
        return pytest.ExceptionInfo.from_exception(raised)
