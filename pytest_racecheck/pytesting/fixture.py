"""The fixture ``racecheck``: what a test tells the engine, and asks it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pytest_racecheck.engine.api import RunApi

#: Where an item that is being explored keeps the engine's side of the fixture.
API_KEY = pytest.StashKey["RunApi"]()


class Racecheck:
    """What a test can say while it runs. In a test without the marker everything works and nothing is controlled."""

    def __init__(self, api: RunApi | None) -> None:
        self._api = api

    def __repr__(self) -> str:  # pytest shows the arguments of a failing test
        return "<racecheck, not controlled>" if self._api is None else f"<racecheck, interleaving {self.interleaving}>"

    def run(self, *callables: Callable[[], object]) -> list[Any]:
        """Start each callable in a thread of its own, wait for all, and return their results in order.

        The first exception that one of them raises is raised again, with its traceback, when all have ended.
        """
        __tracebackhide__ = True
        from pytest_racecheck.pytesting.threads import run_together

        return run_together(callables)

    def point(self, label: str = "") -> None:
        """An explicit scheduling point: another thread may go on here. ``label`` names it in reports."""
        if self._api is not None:
            self._api.point(label)

    def atomic(self) -> AbstractContextManager[None]:
        """``with racecheck.atomic():`` - no preemption inside; blocking still lets other threads run."""
        return contextlib.nullcontext() if self._api is None else self._api.atomic()

    def outcome(self, value: object) -> None:
        """Record how this interleaving came out; the terminal summary shows each value with how often it occurred."""
        if self._api is not None:
            self._api.outcome(value)

    def sometimes(self, condition: object, name: str) -> None:
        """``condition`` must be true in at least one interleaving, else the test fails as vacuous."""
        if self._api is not None:
            self._api.sometimes(condition, name)

    @property
    def interleaving(self) -> int:
        """The number of the running interleaving; 0 is the serial one."""
        return 0 if self._api is None else self._api.interleaving

    @property
    def seed(self) -> int:
        """The seed that the schedules of this test are drawn from; 0 without the marker."""
        return 0 if self._api is None else self._api.seed


@pytest.fixture
def racecheck(request: pytest.FixtureRequest) -> Racecheck:
    """Start threads, add scheduling points and record outcomes in a test that racecheck reruns."""
    return Racecheck(request.node.stash.get(API_KEY, None))
