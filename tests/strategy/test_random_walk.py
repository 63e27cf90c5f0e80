"""Random walk: every enabled thread is equally likely at every point, and the seed decides all."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from pytest_racecheck.strategy.random_walk import RandomWalk
from tests.strategy.players import Scripted, make_ready, make_threads, orders, play


@pytest.mark.parametrize("number", [1, 2, 3, 5])
@pytest.mark.parametrize("can_go_on", [False, True])
def test_every_enabled_thread_is_equally_likely(number: int, can_go_on: bool) -> None:
    threads = make_threads(number + 1)
    ready = make_ready(threads[1:] if not can_go_on else threads[:-1])
    walk = RandomWalk(random.Random(1))
    draws = 2_000 * number
    counts = Counter(walk.choose(ready, threads[0], can_go_on) for _ in range(draws))
    assert set(counts) == set(ready)
    assert all(0.9 < count / 2_000 < 1.1 for count in counts.values())


def test_the_ends_of_the_range_are_threads_as_well() -> None:
    threads = make_threads(3)
    ready = make_ready(threads)
    walk = RandomWalk(Scripted([0.0, 1 - 2**-53]))
    assert [walk.choose(ready, threads[0], True) for _ in range(2)] == [threads[0], threads[2]]


def test_the_seed_decides_all() -> None:
    first = orders(RandomWalk(random.Random(1)), 20, 4, 4, 4)
    random.seed(8)  # the test's own random numbers are not its business
    assert orders(RandomWalk(random.Random(1)), 20, 4, 4, 4) == first
    assert orders(RandomWalk(random.Random(2)), 20, 4, 4, 4) != first


def test_it_leaves_the_random_numbers_of_the_test_alone() -> None:
    before = random.getstate()
    orders(RandomWalk(random.Random(1)), 5, 3, 3)
    assert random.getstate() == before


def test_runs_of_one_search_differ_and_reach_every_order() -> None:
    assert set(orders(RandomWalk(random.Random(1)), 100, 2, 2)) == {"AABB", "ABAB", "ABBA", "BAAB", "BABA", "BBAA"}


def test_it_switches_often() -> None:
    walk = RandomWalk(random.Random(1))
    preemptions = sum(play(walk, 20, 20).preemptions for _ in range(50)) / 50
    assert 12 < preemptions < 20  # half of the 38 points or fewer, those where both can go on


def test_a_sleeping_thread_waits() -> None:
    assert not any(RandomWalk(random.Random(1)).naps(thread) for thread in make_threads(2))
