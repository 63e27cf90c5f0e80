"""The hooks for tests that are measured; registered only when there is one."""

from __future__ import annotations

import functools
from collections.abc import Generator, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_racecheck.engine.errors import Unwind
from pytest_racecheck.engine.watchdog import WATCHDOG
from pytest_racecheck.gil.limits import Limits, LimitsError, undecided, with_marker
from pytest_racecheck.gil.measure import inconclusive
from pytest_racecheck.pytesting import private
from pytest_racecheck.pytesting.gil_api import MEASURED, add
from pytest_racecheck.pytesting.gil_item import MeasuredItem, measure_world
from pytest_racecheck.pytesting.marked import is_property
from pytest_racecheck.pytesting.timed import TimedPhase

if TYPE_CHECKING:
    from pytest_racecheck.gil.model import Measurement
    from pytest_racecheck.pytesting.explored import ExploredItem
    from pytest_racecheck.pytesting.item_hooks import ItemHooks
    from pytest_racecheck.settings import Settings

MARKER: Final = "gil"


class GilHooks:
    """Measures the items that have the marker, and those of ``explored`` after their search.

    UsageError, naming the tests, for a marker that can't be used.
    """

    def __init__(self, items: Iterable[pytest.Item], explored: Mapping[pytest.Item, Settings], *, every: bool) -> None:
        self._limits = _limits(items)
        self._explored = explored
        self._after_search = explored.keys() if every else explored.keys() & self._limits.keys()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Items that have the marker and are not explored are run by us."""
        __tracebackhide__ = True
        if item not in self._limits or item in self._explored or private.missing_names(item):
            return (yield)
        measured = MeasuredItem(item)
        try:
            return (yield)
        finally:
            measured.release()

    @pytest.hookimpl(wrapper=True, trylast=True)  # what others put around the call of a test is around ours, too
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """After the test itself: measure, if it was explored; then see what the marker asks for."""
        __tracebackhide__ = True
        explored = self._running(item)
        try:
            result = yield
        except BaseException:
            if explored is not None and explored.result is not None:
                add(item, inconclusive(item.nodeid, f"not measured: the search ended with {explored.result.verdict}"))
            raise
        if explored is not None:
            self._measure_explored(item, explored)
            return result
        owner = getattr(item.runtest, "__self__", None)
        if isinstance(owner, MeasuredItem) and owner.measured is not None:
            add(item, owner.measured)
            self._judge(item, owner.measured)
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """What was measured goes with the next report, as plain data."""
        __tracebackhide__ = True
        report = yield
        measured = item.stash.get(MEASURED, None)
        if measured and call.when != "setup":
            report.racecheck_gil = [each.to_json() for each in measured]  # type: ignore[attr-defined]
            del item.stash[MEASURED]
        return report

    def _running(self, item: pytest.Item) -> ExploredItem | None:
        if item not in self._after_search:
            return None
        hooks: ItemHooks | None = item.config.pluginmanager.get_plugin("racecheck-items")
        return None if hooks is None else hooks.running

    def _measure_explored(self, item: pytest.Item, explored: ExploredItem) -> None:
        __tracebackhide__ = True
        if is_property(item):
            found = inconclusive(item.nodeid, "not measured: Hypothesis draws other examples each time")
        else:
            found = _within(self._explored[item].timeout, item, explored)
        add(item, found)
        self._judge(item, found)

    def _judge(self, item: pytest.Item, found: Measurement) -> None:
        __tracebackhide__ = True
        limits = self._limits.get(item, Limits())
        found.limits = limits.missed(found)
        if not found.limits:
            return
        message = f"gil: {'; '.join(found.limits)}\n{_told(found)}"
        if undecided(found):
            pytest.skip(message)
        pytest.fail(message, pytrace=False)


def _within(seconds: float, item: pytest.Item, explored: ExploredItem) -> Measurement:
    """Measure an item whose search is over. No sleep is virtual now, so a run has ``seconds``."""
    __tracebackhide__ = True
    world = explored.uncontrolled()
    world.set_up()
    phase = TimedPhase(raises=Unwind)
    WATCHDOG.start()
    try:
        WATCHDOG.arm(phase, seconds)
        try:
            return measure_world(item, world)
        finally:
            WATCHDOG.disarm()
    except Unwind:
        if phase.hang is None:
            raise
        phase.let_go()
        why = f"not measured: a run in real time did not end within {seconds:g} s (--racecheck-timeout)"
        return inconclusive(item.nodeid, why)
    finally:
        WATCHDOG.stop()


def _told(m: Measurement) -> str:
    shares: dict[str, Any] = m.to_json()["shares"]
    parts = ", ".join(f"{name} {share:.0%}" for name, share in shares.items() if share >= 0.005)
    times = ""
    if m.serial is not None and m.threaded is not None:
        times = f"{m.serial:.3f} s one after the other, {m.threaded:.3f} s together; "
    return (
        f"{m.advice}\n{times}{m.cpu_use:.2f} of {m.cores} cores in use; {parts} ({m.tier}, confidence {m.confidence})"
    )


def _limits(items: Iterable[pytest.Item]) -> dict[pytest.Item, Limits]:
    found: dict[pytest.Item, Limits] = {}
    errors: list[str] = []
    for item in items:
        marks = list(item.iter_markers(MARKER))
        if not marks:
            continue
        try:
            found[item] = functools.reduce(
                lambda base, mark: with_marker(base, mark.args, mark.kwargs), reversed(marks), Limits()
            )
        except LimitsError as error:
            errors.append(f"{item.nodeid}: marker {MARKER}: {error}")
    if errors:
        raise pytest.UsageError("\n".join(errors))
    return found
