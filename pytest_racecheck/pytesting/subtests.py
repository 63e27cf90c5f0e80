"""Subtests of an item that is explored: the first that fails is the failure of its interleaving.

pytest reports each subtest on its own, at once. Over hundreds of interleavings that would be hundreds of reports, and
the engine would not learn of a failure, as none is raised.
"""

from __future__ import annotations

from typing import Any

import pytest


class Subtests:
    """What the subtests of the running interleaving raised."""

    def __init__(self) -> None:
        self._failed: list[BaseException] = []

    def begin(self) -> None:
        """A new interleaving."""
        self._failed.clear()

    def end(self) -> None:
        """The body has ended without an exception: raise what the first failing subtest raised."""
        __tracebackhide__ = True
        if self._failed:
            raise self._failed[0]

    def adopt(self, fixture_value: Any) -> None:
        """Have the value of the fixture ``subtests`` tell us instead of pytest."""
        for name in ("_ihook", "ihook"):  # pytest's own, and that of the plugin pytest-subtests
            if hasattr(fixture_value, name):
                setattr(fixture_value, name, _QuietHooks(getattr(fixture_value, name), self._failed))


class _QuietHooks:
    """The three hooks that a subtest calls."""

    def __init__(self, hooks: Any, failed: list[BaseException]) -> None:
        self._hooks = hooks
        self._failed = failed

    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport:
        raised = call.excinfo
        if raised is not None and not isinstance(raised.value, pytest.skip.Exception):
            self._failed.append(raised.value)
        call.excinfo = None  # pytest counts failed subtests, to fail the item in the end
        return self._hooks.pytest_runtest_makereport(item=item, call=call)  # type: ignore[no-any-return]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Not logged."""

    def pytest_exception_interact(self, **_: object) -> None:
        """Not shown."""
