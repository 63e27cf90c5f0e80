"""One marked item while pytest runs it: the bridge between pytest's three phases and the engine.

The calling thread is controlled while the item's own code runs, which is: its function-scoped fixtures, the test body,
and the finalizers of those fixtures. Hooks, reports, a debugger and wider fixtures run with the engine suspended.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import pytest

from pytest_racecheck.engine.errors import DeadlockFailure, InterleavingFailure, NondeterministicFailure
from pytest_racecheck.engine.explorer import Explorer
from pytest_racecheck.engine.watchdog import WATCHDOG
from pytest_racecheck.instrument import InstrumentationError
from pytest_racecheck.pytesting import private, soft
from pytest_racecheck.pytesting.fixture import API_KEY
from pytest_racecheck.pytesting.hygiene import Hygiene
from pytest_racecheck.pytesting.output import Output, shown_once
from pytest_racecheck.pytesting.rerun import ItemWorld
from pytest_racecheck.pytesting.subtests import Subtests
from pytest_racecheck.pytesting.threads import in_threads
from pytest_racecheck.pytesting.traceback import without_machinery
from pytest_racecheck.pytesting.unittest_case import CaseBody, is_unittest

if TYPE_CHECKING:
    from pytest_racecheck.report.model import TestResult
    from pytest_racecheck.settings import Settings
    from pytest_racecheck.shrink.database import FailureDatabase

Progress = Callable[[int, float, int], None]


class ExploredItem:
    """Shadows ``setup``, ``runtest`` and ``repr_failure`` of an item.

    These are the points that functions, unittest cases and doctests have in common.
    ``result`` is there once the item was explored; ``failure`` is what was then raised to pytest, if anything.
    ``why_not``: why the item was not explored, if that turned out.
    """

    why_not = ""

    def __init__(
        self, item: pytest.Item, settings: Settings, progress: Progress, database: FailureDatabase | None
    ) -> None:
        self.item = item
        self.result: TestResult | None = None
        self.failure: BaseException | None = None
        self.subtests = Subtests()
        self._settings = settings
        self._progress = progress
        self._database = database
        self._explorer: Explorer | None = None
        self._world: ItemWorld
        self._suspension: AbstractContextManager[None] | None = None
        self._exploring = False
        self._tearing_down = False
        self._setup, self._repr_failure = item.setup, item.repr_failure
        self._runtest = private.caller(item, item.runtest)
        self._case = CaseBody(item, item.runtest) if is_unittest(item) else None
        self._globals = dict(item.dtest.globs) if _is_doctest(item) else None  # type: ignore[attr-defined]
        item.setup, item.runtest = self._set_up, self._explore  # type: ignore[method-assign]
        item.repr_failure = self._show_failure  # type: ignore[method-assign, assignment]

    @property
    def requested(self) -> int:
        """How many interleavings there are going to be, at the most."""
        return self._settings.interleavings

    def close(self) -> None:
        """End the engine's part, whatever state it is in; may be called more than once."""
        self._resume()
        if self._explorer is not None:
            self._hygiene.values.leave()
            self._explorer.close()
            self._explorer = None
            del self.item.stash[API_KEY]

    def release(self) -> None:
        """Give pytest its item back."""
        try:
            self.close()
        finally:
            del self.item.setup, self.item.runtest, self.item.repr_failure

    def suspended(self) -> AbstractContextManager[None]:
        """For code that is not the item's own and runs in the midst of it."""
        if self._explorer is None or self._suspension is not None:
            return contextlib.nullcontext()
        return self._explorer.suspended()

    @contextlib.contextmanager
    def wider(self) -> Iterator[None]:
        """For a wider fixture that is set up in the midst of it: what it leaves is there for every interleaving."""
        with self.suspended():
            inside = self._explorer is not None and self._suspension is None
            if inside:
                self._hygiene.values.leave()
            try:
                yield
            finally:
                if inside:
                    self._hygiene.values.come_back()

    def _leave(self) -> None:
        """Tear the item down and let go of the engine: what follows finds neither fixtures nor control."""
        explorer = self._explorer
        assert explorer is not None
        self._resume()
        self._exploring = True
        try:
            explorer.before_tear_down()
            self._world.tear_down()
        finally:
            self._exploring = False
            self.close()

    def uncontrolled(self) -> ItemWorld:
        """The world of an item whose search is over, torn down: from here on the item runs as it is, in real time."""
        self._world.tear_down()
        self.close()
        self._exploring = True  # set-ups to come are plain ones
        return self._world

    # --- in place of item.setup

    def _set_up(self) -> None:
        __tracebackhide__ = True
        if self._exploring:
            if self._globals is not None:
                self.item.dtest.globs.update(self._globals)  # type: ignore[attr-defined]
            self._setup()
            return
        try:
            self._prepare()
        except BaseException:
            if self._case is not None:
                self._setup()  # which fails in the same way; its tear-down expects that it was called
            raise
        self._open()
        try:
            self._setup()
        finally:
            self._suspend()
            private.surround_finalizers(self.item, self._before_finalizers, self._suspend)

    def _prepare(self) -> None:
        """Everything that is done once for the item, before its own fixtures."""
        private.set_up_wider_fixtures(self.item)
        self._output = Output(self.item)
        self._output.wider_set_up_done()
        self._hygiene = Hygiene(self.item)
        self._world = ItemWorld(self.item, self._body, self._hygiene, self._output)
        if self._case is not None:
            self._case.begin()

    def _open(self) -> Explorer:
        """From here on the calling thread is controlled."""
        explorer = self._new_explorer()
        try:
            explorer.open()
        except InstrumentationError as error:
            pytest.fail(f"racecheck can't work here: {error}", pytrace=False)
        self._explorer = explorer
        self._hygiene.values.come_back()
        self.item.stash[API_KEY] = explorer.api
        return explorer

    def _open_again(self) -> Explorer:
        """Open an engine for an item that was torn down, and set that up under control."""
        __tracebackhide__ = True
        explorer = self._open()
        self._exploring = True
        try:
            self._world.set_up()
        except BaseException:
            self._leave()
            raise
        self._exploring = False
        self._suspend()
        return explorer

    def _new_explorer(self) -> Explorer:
        return Explorer(self._settings, self._world, self.item.nodeid, self._progress, self._database)

    # --- in place of item.runtest

    def _explore(self) -> None:
        __tracebackhide__ = True
        if self._explorer is None:  # someone called runtest() without setup()
            self._runtest()
            return
        self._hygiene.set_up_done()
        try:
            self._run_all(self._explorer)
        except BaseException as exc:
            self._end(exc)
            raise
        self._end(self.failure)
        if self._case is not None:
            self._case.invert(self.failure)
        if self.failure is not None:
            raise self.failure

    def _run_all(self, explorer: Explorer) -> None:
        __tracebackhide__ = True
        self._resume()
        self._exploring = True
        try:
            with shown_once(self.item.config):
                self.result = explorer.explore()
        finally:
            self._exploring = False
            self._suspend()
            private.surround_finalizers(self.item, self._before_finalizers, self._suspend)
        if explorer.failure is not None:
            self.failure = without_machinery(explorer.failure)

    def _end(self, raised: BaseException | None) -> None:
        self._hygiene.end(raised)
        if self._case is not None:
            self._case.end(raised)
        if self.result is not None:
            self.item.ihook.pytest_racecheck_result(item=self.item, result=self.result)

    def _body(self) -> None:
        __tracebackhide__ = True
        self.subtests.begin()
        soft.begin()
        if self._case is not None:
            self._case()
        elif self._settings.threads is not None:
            self._body_in_threads(self._settings.threads)
        else:
            self._runtest()
        self.subtests.end()
        soft.end()

    def _body_in_threads(self, threads: int) -> None:
        __tracebackhide__ = True
        node: Any = self.item
        function = node.obj
        node.obj = in_threads(function, threads)
        try:
            self._runtest()
        finally:
            node.obj = function

    # --- in place of item.repr_failure

    def _show_failure(self, excinfo: pytest.ExceptionInfo[BaseException], **how: Any) -> Any:
        failure = excinfo.value
        if isinstance(failure, NondeterministicFailure) and failure.__cause__ is not None:
            excinfo = pytest.ExceptionInfo.from_exception(failure.__cause__)
        elif isinstance(failure, DeadlockFailure):  # the rest of its text is in racecheck's section
            return private.text_as_failure(self.item, failure, _with_notes(failure, str(failure).partition("\n")[0]))
        elif isinstance(failure, InterleavingFailure | soft.FailedChecksError):
            return private.text_as_failure(self.item, failure, _with_notes(failure, str(failure)))
        return self._repr_failure(excinfo, **how)

    # --- whether the calling thread is controlled

    def _suspend(self) -> None:
        if self._tearing_down:
            WATCHDOG.disarm()
        if self._explorer is not None and self._suspension is None and not self._exploring:
            self._hygiene.values.leave()
            self._suspension = self._explorer.suspended()
            self._suspension.__enter__()

    def _before_finalizers(self) -> None:
        if self._suspension is not None and self._explorer is not None:
            self._resume()
            self._explorer.before_tear_down()
            self._tearing_down = True

    def _resume(self) -> None:
        suspension, self._suspension = self._suspension, None
        if suspension is not None:
            suspension.__exit__(None, None, None)
            self._hygiene.values.come_back()


def _with_notes(failure: BaseException, text: str) -> str:
    """``text``, and what others had to add to the failure: Hypothesis, the example."""
    return "\n".join([text, *getattr(failure, "__notes__", ())])


def _is_doctest(item: pytest.Item) -> bool:
    return hasattr(item, "dtest")
