"""The engine without pytest around it: explores plain functions, for tests of the engine and of what lies below it."""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import signal
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import hypothesis
import pytest

import pytest_racecheck
from pytest_racecheck.engine.explorer import Explorer
from pytest_racecheck.settings import Settings
from pytest_racecheck.stacks.client import SENTINEL

if TYPE_CHECKING:
    from pytest_racecheck.report.model import Failure, TestResult

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("racecheck", deadline=None)
hypothesis.settings.load_profile("racecheck")

# Each session that a test starts would compile all of racecheck anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Sessions in this process forget the modules that come in while they are at work, and would load each of them again.
for module in pkgutil.walk_packages(pytest_racecheck.__path__, "pytest_racecheck."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)

# A shell ignores Ctrl-C on behalf of what it runs in the background, and sessions that a test interrupts inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers() -> int:
    """Two for each processor: many tests wait for something that hangs, most of their time."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 2 * cores


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """Once is enough: pytest collects ten times at its end, all that thousands of tests have gathered."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _sessions_of_tests_load_no_other_plugins(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dozen are installed for tests/integration to test against; to load them takes longer than most tests do."""
    if "integration" not in request.path.parts:
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        monkeypatch.setenv("PYTEST_ADDOPTS", "-p racecheck")


class PlainWorld:
    """A test body without fixtures; remembers what each call returned."""

    def __init__(self, body: Callable[[], object]) -> None:
        self.values: list[Any] = []
        self._body = body

    def set_up(self) -> None: ...

    def tear_down(self) -> None: ...

    def finish(self) -> None: ...

    def call(self) -> None:
        self.values.append(self._body())

    def is_outcome(self, exc: BaseException) -> bool:
        return isinstance(exc, (KeyboardInterrupt, pytest.skip.Exception))

    def is_skip(self, exc: BaseException) -> bool:
        return isinstance(exc, pytest.skip.Exception)


class Explored(NamedTuple):
    """What came of it. ``values``: what the body returned, run by run (replays of a failure included)."""

    result: TestResult
    error: BaseException | None
    values: list[Any]

    @property
    def verdict(self) -> str:
        return self.result.verdict

    @property
    def failure(self) -> Failure:
        assert self.result.failure is not None
        return self.result.failure


class Engine:
    """The engine, and what most programs for it need."""

    def explore(self, body: Callable[[], object], **settings: Any) -> Explored:
        """Explores ``body`` as if it were the whole of a marked test, 30 interleavings unless told otherwise."""
        settings = {"interleavings": 30, "timeout": 5.0, **settings}
        world = PlainWorld(body)
        nodeid = settings.pop("nodeid", "test_body")
        explorer = Explorer(Settings(**settings), world, nodeid, lambda *_: None)
        explorer.open()
        try:
            result = explorer.explore()
            explorer.before_tear_down()
        finally:
            explorer.close()
        return Explored(result, explorer.failure, world.values)

    def passes(self, body: Callable[[], object], **settings: Any) -> list[Any]:
        """Explores ``body``, which must not fail. Returns what it returned, interleaving by interleaving."""
        explored = self.explore(body, **settings)
        if explored.error is not None:
            raise AssertionError(f"{explored.verdict}: {explored.error}") from explored.error
        assert explored.verdict in ("passed", "proved")
        return explored.values

    def together(self, *functions: Callable[[], object]) -> None:
        """Runs each function in a thread of its own and waits for all."""
        threads = [threading.Thread(target=function) for function in functions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    yield Engine()
    SENTINEL.stop()  # the session has no marked tests, and so nobody else who does
