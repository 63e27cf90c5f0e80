"""The names that a strategy can be asked for by."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from pytest_racecheck import strategy
from pytest_racecheck.strategy.auto import Auto
from pytest_racecheck.strategy.directed import Directed
from pytest_racecheck.strategy.exhaustive import Exhaustive
from pytest_racecheck.strategy.pct import Pct
from pytest_racecheck.strategy.pos import Pos
from pytest_racecheck.strategy.random_walk import RandomWalk
from pytest_racecheck.strategy.surw import Surw
from tests.strategy.players import orders, play

if TYPE_CHECKING:
    from pytest_racecheck.strategy.base import Strategy

CLASSES: dict[str, type[Strategy]] = {
    "auto": Auto,
    "exhaustive": Exhaustive,
    "directed": Directed,
    "surw": Surw,
    "pos": Pos,
    "pct": Pct,
    "random": RandomWalk,
}


def test_every_strategy_is_known_by_its_name() -> None:
    assert tuple(CLASSES) == strategy.NAMES
    assert [type(strategy.create(name, random.Random(1), 200)) for name in CLASSES] == list(CLASSES.values())


def test_pct_may_be_asked_for_in_any_depth() -> None:
    assert all(map(strategy.is_name, (*CLASSES, "pct:1", "pct:12")))
    assert not any(map(strategy.is_name, ("", "pc", "pct:", "pct:0", "pct:-1", "pct:x", "pct:1.5", "pct:²", "pos:2")))
    # Who has the baton at first may have to give it away at once; apart from that, a depth of d means d - 1 changes.
    shallow, deep = (strategy.create(name, random.Random(1), 200) for name in ("pct:1", "pct:9"))
    assert max(play(shallow, 40, 40).preemptions for _ in range(50)) == 1
    assert 4 < max(play(deep, 40, 40).preemptions for _ in range(50)) <= 9


@pytest.mark.parametrize("name", [name for name in strategy.NAMES if name not in ("auto", "exhaustive")])
def test_every_strategy_that_takes_chances_takes_them_from_its_seed(name: str) -> None:
    first = orders(strategy.create(name, random.Random(3), 200), 12, 3, 3, 3)
    assert orders(strategy.create(name, random.Random(3), 200), 12, 3, 3, 3) == first
    assert orders(strategy.create(name, random.Random(4), 200), 12, 3, 3, 3) != first
    assert all(sorted(order) == sorted(first[0]) for order in first)
