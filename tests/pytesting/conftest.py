"""A stand-in for the engine, so that what is tested here is how pytest and the engine are joined, and nothing else."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

# Imported here for good: pytester forgets the modules that come in while it is at work.
from pytest_racecheck.pytesting import explored
from pytest_racecheck.report.model import Failure, TestResult

if TYPE_CHECKING:
    from pytest_racecheck.settings import Settings


class PlainApi:
    """The engine's side of the fixture ``racecheck``."""

    def __init__(self, seed: int) -> None:
        self.interleaving = 0
        self.seed = seed
        self.outcomes: dict[str, int] = {}

    def point(self, label: str) -> None:
        assert isinstance(label, str)

    def atomic(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def outcome(self, value: object) -> None:
        self.outcomes[str(value)] = self.outcomes.get(str(value), 0) + 1

    def sometimes(self, condition: object, name: str) -> None:
        assert isinstance(name, str)


class PlainExplorer:
    """Runs the world N times, one after the other, and stops at the first failure; no threads, no schedules.

    ``controlled`` is whether the calling thread would be controlled at the moment.
    """

    controlled = False
    opened: list[str] = []  # noqa: RUF012 - of all items, for the tests to look at

    def __init__(
        self, settings: Settings, world: Any, nodeid: str, progress: Callable[[int, float, int], None], database: object
    ) -> None:
        self.settings, self.world, self.nodeid, self.progress = settings, world, nodeid, progress
        self.api = PlainApi(settings.seed)
        self.failure: BaseException | None = None

    def open(self) -> None:
        assert not PlainExplorer.controlled
        PlainExplorer.controlled = True
        PlainExplorer.opened.append(self.nodeid)

    def before_tear_down(self) -> None:
        assert PlainExplorer.controlled

    def close(self) -> None:
        PlainExplorer.controlled = False

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        assert PlainExplorer.controlled
        PlainExplorer.controlled = False
        try:
            yield
        finally:
            PlainExplorer.controlled = True

    def explore(self) -> TestResult:
        number = 0
        for number in range(self.settings.interleavings):
            try:
                self._run(number)
            except BaseException as exc:
                if self.world.is_outcome(exc):
                    raise
                self.failure = exc
                break
            self.progress(number + 1, 1000.0, 1)
        return self._result(number)

    def _run(self, number: int) -> None:
        assert PlainExplorer.controlled
        if number:
            self.world.tear_down()
            self.api.interleaving = number
            self.world.set_up()
        self.world.call()
        assert PlainExplorer.controlled

    def _result(self, number: int) -> TestResult:
        failed = self.failure is not None
        result = TestResult(
            nodeid=self.nodeid,
            verdict=("race" if number else "serial-failure") if failed else "passed",
            strategy=self.settings.strategy,
            seed=self.settings.seed,
            requested=self.settings.interleavings,
            interleavings=number + 1,
            distinct=1,
            exhaustive=False,
            first_failure=number if failed else None,
            seconds=0.001 * (number + 1),
            per_second=1000.0,
            outcomes=list(self.api.outcomes.items()),
        )
        if self.failure is not None:
            result.failure = Failure(result.verdict, type(self.failure).__name__, str(self.failure), "rc1-token")
        return result


@pytest.fixture(autouse=True)
def only_racecheck(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inner sessions load no other plugins unless told so: a session takes 50 ms then, and not a second."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p racecheck")


@pytest.fixture
def plain_engine(monkeypatch: pytest.MonkeyPatch) -> type[PlainExplorer]:
    """Sessions that run in this process use the stand-in."""
    monkeypatch.setattr(explored, "Explorer", PlainExplorer)
    PlainExplorer.opened.clear()
    PlainExplorer.controlled = False
    return PlainExplorer
