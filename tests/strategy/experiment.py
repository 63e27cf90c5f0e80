"""Carries a program of a few threads out again and again, and keeps what came out of each run, deadlocks too."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from pytest_racecheck.engine.runner import Runner
from pytest_racecheck.settings import Settings
from pytest_racecheck.strategy.exhaustive import Exhaustive

if TYPE_CHECKING:
    from pytest_racecheck.engine.run import Run
    from pytest_racecheck.strategy.base import Strategy

#: Makes a program anew: what each of its threads does, and what tells its outcome, wherever the threads have stopped.
Prepare = Callable[[], tuple[list[Callable[[], object]], Callable[[], Any]]]


class Searched(NamedTuple):
    """What an exhaustive search has shown. ``gaps``: what speaks against a proof."""

    outcomes: set[Any]
    gaps: set[str]
    classes: int
    runs: int


class Experiment:
    """One program, under a model; a context, inside of which it can be run. The world of its own runner."""

    def __init__(self, prepare: Prepare, *, model: str = "python", audited: bool = False) -> None:
        self._prepare = prepare
        self._audited = audited
        self._runner = Runner(Settings(timeout=20.0, model=model), self, 0)
        self._outcome: Callable[[], Any]

    def __enter__(self) -> Self:
        self._runner.open()
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.close()

    def set_up(self) -> None: ...

    def tear_down(self) -> None: ...

    def finish(self) -> None: ...

    def is_outcome(self, exc: BaseException) -> bool:
        return isinstance(exc, KeyboardInterrupt)

    def is_skip(self, exc: BaseException) -> bool:
        return False

    def call(self) -> None:
        functions, self._outcome = self._prepare()
        threads = [threading.Thread(target=function) for function in functions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def run(self, strategy: Strategy) -> tuple[Any, Run]:
        """The outcome of one more run, and what the engine says of it."""
        runner = self._runner
        runner.begin(strategy, audited=self._audited and strategy.exhaustive is not None)
        run = runner.call(set_up=True)
        assert run.kind in ("passed", "deadlock"), run.error
        with runner.suspended():
            outcome = self._outcome()
        runner.unwind()
        runner.tear_down(failed=False)
        runner.end()
        return outcome, run

    def searched(self, most: int) -> Searched | None:
        """Everything that an exhaustive search shows, None if it takes more than ``most`` runs."""
        search, known, found = Exhaustive(), -1, set()
        for number in range(most):
            outcome, run = self.run(search)
            found.add(outcome)
            search.gaps.update(run.gaps, run.uncontrolled)
            if run.known != known:
                known = run.known
                found.clear()
                search.restart()
            elif search.finished:
                return Searched(found, search.gaps, search.classes, number)
        return None
