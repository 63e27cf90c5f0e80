"""A marked test with Hypothesis's ``@given``: examples outside, interleavings inside.

Hypothesis calls the body once for each example. In place of that one call, the example is explored like a test of its
own, each interleaving with fresh fixtures and fresh values; one that fails fails the example, which Hypothesis then
makes smaller. Hypothesis itself is at work only while the engine is closed or suspended.
"""

from __future__ import annotations

import contextlib
import functools
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NoReturn

import pytest

from pytest_racecheck.engine.errors import NondeterministicFailure
from pytest_racecheck.pytesting import drawn, private
from pytest_racecheck.pytesting.drawn import Drawn
from pytest_racecheck.pytesting.examples import Earlier, ExampleExplorer, Ledger
from pytest_racecheck.pytesting.explored import ExploredItem
from pytest_racecheck.pytesting.output import shown_once
from pytest_racecheck.pytesting.threads import in_threads
from pytest_racecheck.pytesting.traceback import without_machinery

if TYPE_CHECKING:
    from types import TracebackType

    from pytest_racecheck.engine.explorer import Explorer
    from pytest_racecheck.report.model import TestResult

#: What Hypothesis takes for the failure of an example; it stops at once for everything else.
_CAUGHT: Final = (Exception, SystemExit, GeneratorExit, pytest.fail.Exception)

#: The test is a function: it has no instance that would have to be made anew.
_NOBODY: Final = object()


class ExploredProperty(ExploredItem):
    """Shadows the body of the test besides what its base shadows."""

    def __init__(self, item: pytest.Item, *args: Any) -> None:
        super().__init__(item, *args)
        self._adapted = contextlib.ExitStack()
        examples = self._adapted.enter_context(drawn.adapted(item))
        self._ledger = Ledger(self._settings, item.nodeid, examples, self._database)
        self._call: Callable[[], object] = lambda: None
        self._receiver: object = _NOBODY
        self._random_state = random.getstate()

    @property
    def requested(self) -> int:
        """All interleavings of all examples, at the most."""
        return self._ledger.requested

    def release(self) -> None:
        """Give pytest its item and Hypothesis its settings back."""
        try:
            super().release()
        finally:
            self._adapted.close()
            # Engines were opened while Hypothesis had set the random numbers to a state of its own.
            random.setstate(self._random_state)

    def _new_explorer(self) -> Explorer:
        return ExampleExplorer(
            self._ledger.settings(), self._world, self.item.nodeid, self._progress_of_all, self._ledger
        )

    def _progress_of_all(self, done: int, per_second: float, threads: int) -> None:
        self._progress(min(self._ledger.done + done, self.requested), per_second, threads)

    def _run_all(self, explorer: Explorer) -> None:
        __tracebackhide__ = True
        node: Any = self.item
        handle = node.obj.hypothesis
        body = handle.inner_test

        @functools.wraps(body)
        def example(*args: Any, **values: Any) -> None:
            __tracebackhide__ = True
            self._example(handle, body, args, values)

        self._receiver = getattr(node.obj, "__self__", _NOBODY)
        handle.inner_test = example
        try:
            with shown_once(self.item.config):
                self._runtest()
        except BaseException as error:
            if error is not self.failure:
                self.failure = self.result = None
                raise
            without_machinery(error)
        else:
            self.result, self.failure = self._ledger.passing()
        finally:
            handle.inner_test = body
            self._ledger.close()

    def _example(self, handle: Any, body: Callable[..., object], args: tuple[Any, ...], values: dict[str, Any]) -> None:
        """In place of the one call of the test for an example. Raises what the example fails with."""
        __tracebackhide__ = True
        example = Drawn(handle, {name: value for name, value in values.items() if name in handle._given_kwargs})
        earlier = self._ledger.earlier(example.key, example.is_final)
        if not example.is_final:
            if earlier is not None:
                _fail(earlier.failure, earlier.trace)
            if self._ledger.is_done(example.key):
                return
        self._call = functools.partial(self._call_body, example, body, args, values)
        explorer = self._explorer or self._open_again()
        assert isinstance(explorer, ExampleExplorer)
        explorer.thorough = example.is_final
        try:
            result = self._explore_example(explorer)
        except BaseException:
            self._leave()
            raise
        self._ledger.add(result, explorer.conditions)
        failure = explorer.failure
        if failure is None and earlier is not None:
            failure, result = _lost(earlier)
        if failure is not None and (example.is_final or not isinstance(failure, _CAUGHT)):
            example.tell()
            self.failure, self.result = failure, self._ledger.failing(result)
            _fail(failure, failure.__traceback__)
        self._leave()
        key = example.key if example.is_settled() else None
        if failure is not None:
            self._ledger.broken(key, Earlier(failure, failure.__traceback__, result))
            _fail(failure, failure.__traceback__)
        if key is not None:
            self._ledger.passed(key)

    def _explore_example(self, explorer: ExampleExplorer) -> TestResult:
        __tracebackhide__ = True
        self._resume()
        self._exploring = True
        try:
            return explorer.explore()
        finally:
            self._exploring = False
            self._suspend()
            private.surround_finalizers(self.item, self._before_finalizers, self._suspend)

    def _body(self) -> None:
        __tracebackhide__ = True
        self.subtests.begin()
        self._call()
        self.subtests.end()

    def _call_body(
        self, example: Drawn, body: Callable[..., object], args: tuple[Any, ...], values: dict[str, Any]
    ) -> None:
        """One interleaving of one example."""
        __tracebackhide__ = True
        node: Any = self.item
        with contextlib.ExitStack() as stack:
            with self.suspended():
                fresh = stack.enter_context(example.again())
            fixtures = {name: node.funcargs[name] for name in values if name in node.funcargs}
            receiver = {name: node.obj.__self__ for name, value in values.items() if value is self._receiver}
            if self._settings.threads is not None:
                body = in_threads(body, self._settings.threads)
            # Hypothesis passes the instance by position only where the test wants it so.
            body(*[node.obj.__self__ for _ in args], **{**fixtures, **receiver, **fresh})


def _fail(failure: BaseException, trace: TracebackType | None) -> NoReturn:
    """Raises a failure: always here, since Hypothesis tells those that have no traceback apart by the place."""
    __tracebackhide__ = True
    raise failure.with_traceback(trace)


def _lost(earlier: Earlier) -> tuple[BaseException, TestResult]:
    """An example failed, and does not when it is run again."""
    failure, result = earlier.failure, earlier.result
    if isinstance(failure, NondeterministicFailure):
        return failure, result
    lost = NondeterministicFailure(
        f"the example failed with {type(failure).__name__}: {failure}; run again under the same schedules, it did "
        "not. The usual causes: state that survives from one interleaving to the next (a module-level cache, a "
        "singleton), a clock or random numbers outside racecheck's control, the order of a set"
    )
    lost.__cause__ = failure
    result.verdict = "nondeterministic"
    if result.failure is not None:
        result.failure.kind, result.failure.message = "nondeterministic", str(lost)
    return lost, result
