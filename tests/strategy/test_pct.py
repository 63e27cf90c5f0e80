"""PCT: the highest priority runs, few random points lower it, and the length of the runs is learnt."""

from __future__ import annotations

import random
from collections import Counter
from itertools import permutations

import pytest

from pytest_racecheck.strategy.pct import DEPTHS, Pct
from tests.strategy.players import Scripted, disable, enable, make_ready, make_threads, orders, play


def test_the_highest_priority_runs() -> None:
    threads = make_threads(3)
    pct = Pct(Scripted([0.2, 0.9, 0.5]), depths=(1,))
    pct.begin()
    ready = make_ready(threads)
    assert pct.choose(ready, threads[0], True) is threads[1]
    disable(ready, threads[1])
    assert pct.choose(ready, threads[1], False) is threads[2]
    disable(ready, threads[2])
    enable(ready, threads[1])
    assert pct.choose(ready, threads[2], False) is threads[1], "it keeps its priority while it is blocked"


def test_a_thread_that_is_enabled_later_takes_over_only_if_its_priority_is_higher() -> None:
    threads = make_threads(4)
    pct = Pct(Scripted([0.5, 0.1, 0.3, 0.8]), depths=(1,))
    pct.begin()
    ready = make_ready(threads[:2])
    assert pct.choose(ready, threads[0], True) is threads[0]
    enable(ready, threads[2])
    assert pct.choose(ready, threads[0], True) is threads[0]
    enable(ready, threads[3])
    assert pct.choose(ready, threads[0], True) is threads[3]


def test_without_change_points_nobody_is_preempted_in_favour_of_one_that_was_there() -> None:
    pct = Pct(random.Random(1), depths=(1,))
    counts = Counter(orders(pct, 1_200, 3, 3, 3))
    assert set(counts) == {"".join(letter * 3 for letter in order) for order in permutations("ABC")}
    assert all(140 < count < 260 for count in counts.values()), "each order is as likely as any other"


def test_a_change_point_lowers_the_running_thread_below_all_others() -> None:
    threads = make_threads(3)
    pct = Pct(Scripted([0.9, 0.2, 0.5], integers=[2]), depths=(2,))
    pct.begin()
    ready = make_ready(threads)
    chosen = [pct.choose(ready, threads[0], True), pct.choose(ready, threads[0], True)]
    assert chosen == [threads[0], threads[2]]
    disable(ready, threads[2])
    assert pct.choose(ready, threads[2], False) is threads[1]
    disable(ready, threads[1])
    assert pct.choose(ready, threads[1], False) is threads[0]


def test_a_later_change_point_lowers_below_the_earlier_ones() -> None:
    threads = make_threads(3)
    pct = Pct(Scripted([0.9, 0.5], integers=[2, 1]), depths=(3,))
    pct.begin()
    ready = make_ready([threads[1], threads[2], threads[0]])
    # The main thread is lowered at once, then the next one, which leaves the third; then the main thread again.
    assert pct.choose(ready, threads[0], True) is threads[1]
    assert pct.choose(ready, threads[1], True) is threads[2]
    disable(ready, threads[2])
    assert pct.choose(ready, threads[2], False) is threads[0]


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_a_run_of_depth_d_has_d_minus_one_preemptions_at_most_and_mostly_that_many(depth: int) -> None:
    pct = Pct(random.Random(1), depths=(depth,))
    counts = Counter(play(pct, 30, 30, 30, 30, 30).preemptions for _ in range(300))
    # One more at the very beginning: the main thread has the baton, whatever its priority.
    assert max(counts) <= depth
    assert sum(counts[number] for number in (depth - 1, depth)) > 200


def test_depths_take_turns() -> None:
    numbers = Scripted([0.5, 0.1] * len(DEPTHS), integers=range(1, 100))
    pct = Pct(numbers)
    asked = []
    for _ in DEPTHS:
        before = len(numbers.ranges)
        pct.begin()
        asked.append(len(numbers.ranges) - before + 1)
    assert tuple(asked) == DEPTHS
    assert sorted(set(DEPTHS)) == [1, 2, 3, 4]


def test_change_points_spread_evenly_over_a_run_once_its_length_is_known() -> None:
    pct = Pct(random.Random(1), depths=(2,))
    play(pct, 50, 50)
    places: Counter[int] = Counter()
    for _ in range(2_000):
        order = play(pct, 50, 50).order
        first = len(order) - len(order.lstrip(order[0]))
        places[first // 10] += first < 50
    # A run that switches late has up to 99 points: 2,000 / 99 change points at each, 202 at ten of them.
    assert all(160 < places[tenth] < 240 for tenth in range(5))


def test_the_length_of_runs_is_learnt_and_never_forgotten() -> None:
    numbers = Scripted(integers=[1] * 10)
    pct = Pct(numbers, depths=(2,))
    for points in (5, 40, 1_000, 3, 0):
        pct.begin()
        pct.end(points)
    pct.begin()
    assert numbers.ranges == [(1, 8), (1, 8), (1, 40), (1, 1_000), (1, 1_000), (1, 1_000)]


def test_two_change_points_at_the_same_place_count_once() -> None:
    threads = make_threads(2)
    pct = Pct(Scripted([0.5], integers=[1, 3, 1]), depths=(4,))
    pct.begin()
    ready = make_ready(threads)
    chosen = [pct.choose(ready, last, True) for last in (threads[0], threads[1], threads[1])]
    assert chosen == [threads[1], threads[1], threads[0]]


def test_the_seed_decides_all() -> None:
    first = orders(Pct(random.Random(1)), 30, 6, 6, 6)
    random.seed(8)
    before = random.getstate()
    assert orders(Pct(random.Random(1)), 30, 6, 6, 6) == first
    assert orders(Pct(random.Random(2)), 30, 6, 6, 6) != first
    assert random.getstate() == before


def test_priorities_of_one_run_mean_nothing_in_the_next() -> None:
    threads = make_threads(2)
    pct = Pct(Scripted([0.1, 0.9, 0.9, 0.1]), depths=(1,))
    for expected in (threads[1], threads[0]):
        pct.begin()
        assert pct.choose(make_ready(threads), threads[0], True) is expected


def test_a_thread_that_only_polls_is_lowered_below_all_others() -> None:
    threads = make_threads(3)
    pct = Pct(Scripted([0.9, 0.5, 0.2]), depths=(1,))
    pct.begin()
    ready = make_ready(threads)
    assert pct.choose(ready, threads[0], True) is threads[0]
    pct.gave_way(threads[0])
    assert pct.choose(ready, threads[0], True) is threads[1]
    pct.gave_way(threads[1])
    assert pct.choose(ready, threads[1], True) is threads[2]
    pct.gave_way(threads[2])
    assert pct.choose(ready, threads[2], True) is threads[0], "the one that gave way first comes first again"


def test_a_thread_that_polls_before_it_was_ever_chosen_among_keeps_its_low_priority() -> None:
    threads = make_threads(2)
    pct = Pct(Scripted([0.1, 0.9]), depths=(1,))
    pct.begin()
    pct.gave_way(threads[1])
    ready = make_ready(threads)
    assert pct.choose(ready, threads[1], True) is threads[0]


def test_a_bug_of_depth_two_is_found_as_often_as_promised() -> None:
    # At least 1 / (n * k) of the runs, with n = 2 threads and k = 19 points; the bug: B runs right before the
    # twelfth step of A and at no other time.
    pct = Pct(random.Random(1), depths=(2,))
    play(pct, 20, 3)
    found = sum(play(pct, 20, 3).order == "A" * 11 + "BBB" + "A" * 9 for _ in range(4_000))
    assert found / 4_000 >= 1 / (2 * 23)


def test_a_sleeping_thread_waits() -> None:
    assert not any(Pct(random.Random(1)).naps(thread) for thread in make_threads(2))
