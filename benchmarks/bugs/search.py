"""Searches one program for its bug, with the engine alone: no pytest session, and no replays once it is found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

from pytest_racecheck.engine.explorer import Explorer
from pytest_racecheck.primitives import install
from pytest_racecheck.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.bugs.catalogue import Bug
    from pytest_racecheck.engine.run import Run

#: Nothing in the catalogue needs a second, unless the machine is very busy.
SECONDS: Final = 30.0


class Found(NamedTuple):
    """``interleavings`` run until the first bug, the serial one included; None if there was none within the budget.

    ``points``: scheduling points of the longest run.
    """

    interleavings: int | None
    points: int


class _Body:
    def __init__(self, call: Callable[[], None]) -> None:
        self.call = call

    def set_up(self) -> None:
        """There are no fixtures."""

    def tear_down(self) -> None:
        """There are no fixtures."""

    def finish(self) -> None:
        """There are no fixtures."""

    def is_outcome(self, exc: BaseException) -> bool:
        """Whether it ends everything."""
        return isinstance(exc, KeyboardInterrupt)

    def is_skip(self, exc: BaseException) -> bool:
        """Nothing is skipped."""
        return False


class _Stopped(Exception):  # noqa: N818 - no error
    """The bug is found, in the last of so many interleavings."""

    def __init__(self, interleavings: int) -> None:
        self.interleavings = interleavings


class _Searching(Explorer):
    """Stops at the first failure, where the real one goes on to replay and simplify it."""

    points = 0

    def _confirm(self, search: Any, run: Run) -> NoReturn:
        if run.error is not None and _is_ours(run.error):
            raise run.error  # a mistake in a strategy must not pass for a bug that was found
        raise _Stopped(search.done)

    def _run(self, begin: Callable[[], None], *, searching: bool = False) -> Run:
        run = super()._run(begin, searching=searching)
        self.points = max(self.points, run.points)
        return run


def _is_ours(error: BaseException) -> bool:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_globals.get("__name__", "").startswith("pytest_racecheck.")


def search(bug: Bug, strategy: str, seed: int, budget: int | None = None) -> Found:
    """Runs ``bug`` under ``strategy`` until it shows."""
    settings = Settings(interleavings=budget or bug.budget, strategy=strategy, seed=seed, timeout=SECONDS)
    install.acquire()
    explorer = _Searching(settings, _Body(bug.body), bug.name, lambda *_: None)
    explorer.open()
    found = None
    try:
        result = explorer.explore()
        if result.failure is not None:
            raise RuntimeError(f"{bug.name} fails without any preemption")
    except _Stopped as stop:
        found = stop.interleavings
    finally:
        explorer.close()
        install.release()
    return Found(found, explorer.points)
