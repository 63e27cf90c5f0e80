"""Methods of ``unittest.TestCase``: their exceptions don't leave ``runtest`` but end up in a list of the item."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest


def is_unittest(item: pytest.Item) -> bool:
    """Whether the item is a method of a ``unittest.TestCase``, or of a class that stands in for it."""
    return hasattr(item, "addError") and hasattr(item, "_excinfo")


class CaseBody:
    """The body of such a test, which raises what the test raised."""

    def __init__(self, item: pytest.Item, runtest: Callable[[], object]) -> None:
        self._item = cast("Any", item)
        self._runtest = runtest
        function: object = self._item.obj
        self.expects_failure = any(
            getattr(owner, "__unittest_expecting_failure__", False) for owner in (function, self._item.cls)
        )

    def begin(self) -> None:
        """Have the item collect what it would report at once, or for the last interleaving alone."""
        if hasattr(self._item, "addSubTest"):  # since pytest 9; without it, a subtest that fails ends the test
            # One that fails counts as the test; one that passes needs no report of its own in each interleaving.
            self._item.addSubTest = self._add_subtest
        if self.expects_failure:
            # unittest reports "unexpected success" for every interleaving that passes; one that fails is enough.
            self._item.addExpectedFailure = self._add_expected_failure
            self._item.addUnexpectedSuccess = lambda *_args, **_kwargs: None

    def __call__(self) -> None:
        """Run the test; raise the first exception that it left in the item."""
        __tracebackhide__ = True
        self._forget_errors()
        self._runtest()
        errors = self._item._excinfo
        if errors:
            raise errors[0].value

    def end(self, raised: BaseException | None) -> None:
        """The exploration is over: leave in the item what belongs to ``raised``, which pytest is going to report."""
        errors = self._item._excinfo
        if errors and errors[0].value is not raised:
            self._forget_errors()
        for name in ("addSubTest", "addExpectedFailure", "addUnexpectedSuccess"):
            self._item.__dict__.pop(name, None)

    def invert(self, failure: BaseException | None) -> None:
        """``unittest.expectedFailure``: a failing interleaving is what was expected, and none is a failure."""
        if self.expects_failure:
            self._forget_errors()
            if failure is None:
                pytest.fail("Unexpected success", pytrace=False)
            pytest.xfail("")

    def _forget_errors(self) -> None:
        self._item.__dict__.pop("_excinfo", None)

    def _add_subtest(self, _case: object, _subtest: object, error: Any) -> None:
        if error is not None:
            self._item._addexcinfo(error)

    def _add_expected_failure(self, _case: object, error: Any, _reason: str = "") -> None:
        self._item._addexcinfo(error)
