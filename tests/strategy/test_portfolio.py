"""The names that a strategy can be asked for by, and the default one, which is made of others."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from pytest_racecheck import strategy
from pytest_racecheck.strategy.auto import Auto
from pytest_racecheck.strategy.pct import Pct
from pytest_racecheck.strategy.random_walk import RandomWalk
from tests.strategy.players import make_threads, orders, play

if TYPE_CHECKING:
    from pytest_racecheck.strategy.base import Strategy

CLASSES: dict[str, type[Strategy]] = {"auto": Auto, "pct": Pct, "random": RandomWalk}


@pytest.mark.parametrize(("name", "kind"), CLASSES.items(), ids=CLASSES.keys())
def test_a_strategy_is_known_by_its_name(name: str, kind: type[Strategy]) -> None:
    assert name in strategy.NAMES
    assert type(strategy.create(name, random.Random(1))) is kind


@pytest.mark.parametrize("name", strategy.NAMES)
def test_every_strategy_can_be_created_and_its_seed_decides_all(name: str) -> None:
    first = orders(strategy.create(name, random.Random(3)), 12, 3, 3, 3)
    assert orders(strategy.create(name, random.Random(3)), 12, 3, 3, 3) == first
    assert all(sorted(order) == sorted(first[0]) for order in first)


def test_two_runs_of_pct_are_followed_by_one_of_the_random_walk() -> None:
    auto = Auto(random.Random(1))
    preemptions = [play(auto, 40, 40).preemptions for _ in range(30)]
    assert min(preemptions[2::3]) > max(number for n, number in enumerate(preemptions) if n % 3 != 2)


def test_pct_learns_from_all_runs() -> None:
    auto = Auto(random.Random(1))
    longest = 0
    for _ in range(200):
        played = play(auto, 60, 60)
        if played.order[0] == "A" and played.preemptions == 1:
            longest = max(longest, played.order.index("B"))
    assert longest > 30


def test_a_polling_thread_is_lowered_by_pct_and_means_nothing_to_the_random_walk() -> None:
    auto = Auto(random.Random(1))
    thread = make_threads(1)[0]
    changed = []
    for _ in range(6):
        auto.begin()
        thread.priority = 5.0
        auto.gave_way(thread)
        changed.append(thread.priority < 0)
    assert changed == [True, True, False] * 2
