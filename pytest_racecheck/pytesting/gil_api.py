"""What a test can ask the fixture ``gil``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from pytest_racecheck.gil import hot_lines, measure, what_if
from pytest_racecheck.gil.together import InThreads
from pytest_racecheck.pytesting.fixture import API_KEY

if TYPE_CHECKING:
    from pytest_racecheck.gil.model import Measurement
    from pytest_racecheck.gil.what_if import WhatIf

#: What was measured in a test and is not yet on one of its reports.
MEASURED: pytest.StashKey[list[Measurement]] = pytest.StashKey()


class Gil:
    """Measures in real time, uncontrolled; each comparison is a row of the GIL report."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item

    def compare(
        self,
        function: Callable[..., object],
        threads: int = 2,
        args: tuple[object, ...] = (),
        *,
        limit: float = measure.LIMIT,
    ) -> Measurement:
        """Call ``function(*args)`` in ``threads`` threads, one after the other and together, for ``limit`` seconds.

        Returns the measurement: ``speedup``, ``ideal``, ``verdict``, ``shares``, ``advice`` and more. Raises what the
        function raises, TypeError for arguments of a wrong type, RuntimeError in a test that is being explored.
        """
        __tracebackhide__ = True
        subject = self._subject(function, threads, args)
        verbose = self._item.config.get_verbosity() > 0
        found = measure.measure(
            subject,
            f"{self._item.nodeid}: {_called(function)}",
            limit=limit,
            finish=(lambda m: hot_lines.add(subject, m)) if verbose else None,
        )
        add(self._item, found)
        return found

    def what_if(self, function: Callable[..., object], threads: int = 2, args: tuple[object, ...] = ()) -> WhatIf:
        """Run ``function(*args)`` as often one after the other, in threads, processes and sub-interpreters.

        What could not be tried has the reason why. Raises what the function raises in this thread, else as `compare`.
        """
        __tracebackhide__ = True
        self._subject(function, threads, args)
        return what_if.what_if(function, threads, tuple(args))

    def _subject(self, function: Callable[..., object], threads: int, args: tuple[object, ...]) -> InThreads:
        __tracebackhide__ = True
        if not callable(function):
            raise TypeError(f"gil takes a callable, not {function!r}")
        if type(threads) is not int or threads < 1:
            raise TypeError(f"threads: {threads!r} is not allowed; give a whole number from 1 up")
        if not isinstance(args, (tuple, list)):
            raise TypeError(f"args: {args!r} is not allowed; give a tuple of the function's arguments")
        if API_KEY in self._item.stash:
            raise RuntimeError(
                "gil measures in real time, and this test is run under forced interleavings: "
                "use it in a test without the marker race"
            )
        return InThreads(function, threads, tuple(args))


def add(item: pytest.Item, measured: Measurement) -> None:
    """Keep a measurement for the next report of the item."""
    item.stash.setdefault(MEASURED, []).append(measured)


def _called(function: Any) -> str:
    name = getattr(function, "__qualname__", None) or getattr(getattr(function, "func", None), "__qualname__", "")
    return str(name or type(function).__qualname__).rpartition("<locals>.")[2]
