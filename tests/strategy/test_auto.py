"""The default strategy: a proof where one is near, directed search where not, and a portfolio in between."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING

from pytest_racecheck import strategy
from pytest_racecheck.strategy.auto import Auto

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from tests.conftest import Engine


class Spy(Auto):
    """Notes whose runs they were."""

    def __init__(self, interleavings: int) -> None:
        super().__init__(random.Random(1), interleavings)
        self.turns: list[str] = []

    def begin(self) -> None:
        super().begin()
        self.turns.append(type(self._now).__name__)


def turns(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, body: Callable[[], object], interleavings: int = 100
) -> tuple[str, list[str]]:
    """The verdict, and whose turn each run after the serial one was."""
    spy = Spy(interleavings)
    monkeypatch.setattr(strategy, "create", lambda *_: spy)
    return engine.explore(body, interleavings=interleavings).verdict, spy.turns


def locked_counter(engine: Engine, threads: int) -> Callable[[], None]:
    def body() -> None:
        lock = threading.Lock()
        count = [0]

        def work() -> None:
            with lock:
                count[0] += 1

        engine.together(*[work] * threads)

    return body


def shared_list(engine: Engine, threads: int) -> Callable[[], None]:
    def body() -> None:
        done: list[int] = []

        def work() -> None:
            for number in range(3):
                done.append(number)  # noqa: PERF402 - one operation each

        engine.together(*[work] * threads)

    return body


def test_few_interleavings_are_all_run_and_no_others(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    verdict, whose = turns(engine, monkeypatch, locked_counter(engine, 3))
    assert verdict == "proved"
    assert set(whose) == {"Exhaustive"}


def test_where_there_are_many_directed_runs_come_early(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    verdict, whose = turns(engine, monkeypatch, shared_list(engine, 6))
    assert verdict == "passed"
    assert whose.index("Directed") <= 4
    assert whose[whose.index("Directed") :][:8] == ["Directed"] * 8


def test_every_strategy_of_the_portfolio_has_its_turns(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    _, whose = turns(engine, monkeypatch, shared_list(engine, 6), 200)
    shares = {name: whose.count(name) for name in whose}
    assert set(shares) == {"Exhaustive", "Directed", "Surw", "Pct", "Pos"}
    assert shares["Directed"] > shares["Surw"] > shares["Pct"] + shares["Pos"]
    assert shares["Exhaustive"] < 200 / 4


def test_a_proof_may_still_come_after_other_runs(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    verdict, whose = turns(engine, monkeypatch, locked_counter(engine, 4), 200)
    assert verdict == "proved"
    assert whose.count("Exhaustive") >= 24
