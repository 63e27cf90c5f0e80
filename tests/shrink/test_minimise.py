"""Shrinking finds the simplest failing schedule, returns none that was not seen to fail, and keeps to its time."""

from __future__ import annotations

import itertools
import threading
import types
from collections.abc import Callable, Iterable
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_racecheck.engine.thread import ControlledThread
from pytest_racecheck.shrink import minimise as shrink
from pytest_racecheck.shrink.minimise import Attempts, Candidate, minimise
from pytest_racecheck.strategy.random_walk import RandomWalk
from pytest_racecheck.strategy.replay import Tracking
from tests.strategy.players import disable, enable, make_ready, make_threads

if TYPE_CHECKING:
    from pytest_racecheck.engine.schedule import Choice, Deviation, Schedule
    from tests.conftest import Engine

Predicate = Callable[[frozenset["Deviation"]], bool]

#: Where each run can go on otherwise: eight operations of two threads, a free choice after the fourth of each.
CHOICES: tuple[Choice, ...] = tuple(
    (path, ops, ops != 4, ("0.3", other)) for path, other in (("0.1", "0.2"), ("0.2", "0.1")) for ops in range(1, 5)
)
PLACES = [(path, ops) for path, ops, _, _ in CHOICES]
DEVIATIONS: list[Deviation] = [(path, ops, target) for path, ops, _, targets in CHOICES for target in targets]
FREE = {(path, ops) for path, ops, can_go_on, _ in CHOICES if not can_go_on}


class Runs:
    """In place of the engine: a run fails if ``fails`` says so, and what a schedule can't follow is left out of it."""

    def __init__(self, fails: Predicate) -> None:
        self.fails = fails
        self.asked: list[Schedule] = []
        self.failed: dict[Schedule, Candidate[Deviation]] = {}

    def __call__(self, schedule: Schedule) -> Candidate[Deviation]:
        self.asked.append(schedule)
        followed = {(path, ops): (path, ops, target) for path, ops, target in schedule if (path, ops) in PLACES}
        kept = tuple(sorted(followed.values(), key=lambda each: PLACES.index(each[:2])))
        preemptions = sum(each[:2] not in FREE for each in kept)
        if not self.fails(frozenset(kept)):
            return Candidate(kept, preemptions, CHOICES, kept, fails=False)
        return self.failed.setdefault(kept, Candidate(kept, preemptions, CHOICES, kept))

    def start(self, schedule: Iterable[Deviation]) -> Candidate[Deviation]:
        candidate = self(tuple(schedule))
        assert candidate.fails, "the first one has to"
        return candidate


class Clock:
    """Stands still but for what the runs take."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(shrink, "real", types.SimpleNamespace(monotonic=clock.monotonic))
    return clock


def cheapest(fails: Predicate, most: int) -> tuple[int, int] | None:
    """What the cheapest failing schedule of up to ``most`` deviations costs; None if none of them fails."""
    costs = []
    for number in range(most + 1):
        for places in itertools.combinations(PLACES, number):
            targets = [[each for each in DEVIATIONS if each[:2] == place] for place in places]
            if any(fails(frozenset(schedule)) for schedule in itertools.product(*targets)):
                costs.append((sum(place not in FREE for place in places), number))
    return min(costs, default=None)


@pytest.mark.parametrize(
    ("least", "preemptions"),
    [
        ((), 0),
        ((("0.1", 4, "0.3"),), 0),
        ((("0.1", 4, "0.3"), ("0.2", 4, "0.1")), 0),
        ((("0.1", 2, "0.2"),), 1),
        ((("0.1", 2, "0.2"), ("0.2", 4, "0.1")), 1),
        ((("0.1", 2, "0.2"), ("0.2", 3, "0.1")), 2),
        ((("0.1", 1, "0.2"), ("0.1", 3, "0.2")), 2),
    ],
)
@pytest.mark.parametrize("target", ["0.3", "0.1"])
def test_the_least_that_fails_is_reached(least: Schedule, preemptions: int, target: str) -> None:
    def fails(deviations: frozenset[Deviation]) -> bool:
        return deviations >= set(least)

    runs = Runs(fails)
    noise = [(path, ops, "0.3" if path == target else each) for path, ops, each in DEVIATIONS[1::2]]
    found = minimise(runs.start([*noise, *least]), Attempts(runs, 1_000))
    assert found.schedule == least
    assert found.preemptions == preemptions


def test_fewer_preemptions_go_before_fewer_switches() -> None:
    two_free = {("0.1", 4, "0.2"), ("0.2", 4, "0.3")}
    runs = Runs(lambda deviations: deviations >= two_free or ("0.2", 2, "0.1") in deviations)
    found = minimise(runs.start([("0.2", 2, "0.1")]), Attempts(runs, 1_000))
    assert set(found.schedule) == two_free


def test_switches_move_elsewhere_where_that_is_simpler() -> None:
    # No part of the first schedule fails, yet one preemption at another place does.
    first = frozenset({("0.1", 1, "0.2"), ("0.1", 3, "0.2"), ("0.2", 1, "0.1")})
    runs = Runs(lambda deviations: deviations in (first, frozenset({("0.2", 3, "0.3")})))
    assert minimise(runs.start(first), Attempts(runs, 1_000)).schedule == (("0.2", 3, "0.3"),)


@st.composite
def predicates(draw: st.DrawFn) -> tuple[Predicate, frozenset[Deviation]]:
    """A predicate over sets of deviations, and one such set that fails.

    What fails is what has one of several cores in it, except, so that less is not always as good, some of these sets.
    """
    schedules = st.dictionaries(st.sampled_from(PLACES), st.integers(0, 1), max_size=7).map(
        lambda chosen: frozenset(DEVIATIONS[2 * PLACES.index(place) + which] for place, which in chosen.items())
    )
    first = draw(schedules)
    cores = draw(st.lists(schedules, max_size=4))
    cores.append(frozenset(draw(st.lists(st.sampled_from(sorted(first)), max_size=4))) if first else first)
    salt = draw(st.integers(0, 1_000))
    one_in = draw(st.sampled_from([2, 5, 1_000_000]))

    def fails(deviations: frozenset[Deviation]) -> bool:
        if deviations == first:
            return True
        luck = sum(7 ** DEVIATIONS.index(each) for each in deviations) * 31 + salt
        return luck % one_in != 1 and any(core <= deviations for core in cores)

    return fails, first


@given(predicates())
def test_only_what_was_seen_to_fail_is_returned_and_nothing_that_costs_more(
    drawn: tuple[Predicate, frozenset[Deviation]],
) -> None:
    fails, schedule = drawn
    runs = Runs(fails)
    first = runs.start(schedule)
    found = minimise(first, Attempts(runs, 1_000))
    assert runs.failed[found.schedule] is found
    assert found.cost <= first.cost


@given(predicates())
def test_no_schedule_is_run_twice(drawn: tuple[Predicate, frozenset[Deviation]]) -> None:
    fails, schedule = drawn
    runs = Runs(fails)
    first = runs.start(schedule)
    runs.asked.clear()
    minimise(first, Attempts(runs, 1_000))
    assert len(runs.asked) == len(set(runs.asked))


@settings(max_examples=40, deadline=None)
@given(predicates())
def test_with_time_enough_no_schedule_of_up_to_two_switches_costs_less(
    drawn: tuple[Predicate, frozenset[Deviation]],
) -> None:
    fails, schedule = drawn
    runs = Runs(fails)
    found = minimise(runs.start(schedule), Attempts(runs, 1_000))
    least = cheapest(fails, 2)
    assert least is None or found.cost <= least


@given(predicates())
def test_with_time_enough_no_deviation_can_be_left_out(drawn: tuple[Predicate, frozenset[Deviation]]) -> None:
    fails, schedule = drawn
    runs = Runs(fails)
    found = minimise(runs.start(schedule), Attempts(runs, 1_000))
    assert not any(fails(frozenset(found.schedule) - {each}) for each in found.schedule)


@pytest.mark.parametrize("seconds", [0, 1, 7, 20])
def test_no_run_begins_after_the_time_is_up(clock: Clock, seconds: int) -> None:
    begun: list[float] = []
    runs = Runs(lambda deviations: ("0.2", 3, "0.1") in deviations)
    first = runs.start(DEVIATIONS[1::2])

    def attempt(schedule: Schedule) -> Candidate[Deviation]:
        begun.append(clock.now - 1_000)
        clock.now += 1
        return runs(schedule)

    found = minimise(first, Attempts(attempt, seconds))
    assert max(begun, default=0) <= seconds
    assert runs.failed[found.schedule] is found
    if seconds == 20:
        assert found.schedule == (("0.2", 3, "0.1"),)
    if not seconds:
        assert begun == []
        assert found is first


def test_what_was_found_by_then_is_returned(clock: Clock) -> None:
    runs = Runs(lambda deviations: ("0.2", 3, "0.1") in deviations)
    first = runs.start(DEVIATIONS[1::2])
    costs = [first.cost]
    for seconds in range(1, 20):
        clock.now = 1_000.0

        def attempt(schedule: Schedule) -> Candidate[Deviation]:
            clock.now += 1
            return runs(schedule)

        costs.append(minimise(first, Attempts(attempt, seconds)).cost)
    assert costs == sorted(costs, reverse=True)
    assert len(set(costs)) > 2, "more time, simpler schedules"


# --- through the engine


def order_bug(engine: Engine) -> None:
    ready: list[int] = []
    seen: list[int] = []
    engine.together(lambda: ready.append(1), lambda: seen.append(len(ready)))
    assert seen == [1]


def lost_update(engine: Engine) -> None:
    class Counter:
        value = 0

    counter = Counter()

    def increment() -> None:
        counter.value += 1

    engine.together(increment, increment, increment)
    assert counter.value == 3


class Buffer:
    """A string buffer that is never empty, but for a moment while it is filled anew."""

    def __init__(self) -> None:
        self.text = "data"
        self.copies: list[str] = []

    def copy(self) -> None:
        if self.text:
            self.copies.append(self.text)

    def refill(self) -> None:
        self.text = ""
        self.text = "more"


def copied_between_two_changes(engine: Engine) -> None:
    buffer = Buffer()
    writer = threading.Thread(target=buffer.refill)
    writer.start()
    buffer.copy()
    writer.join()
    assert "" not in buffer.copies


class Pair:
    """Two values that have to change together."""

    def __init__(self) -> None:
        self.first = self.second = 0

    def write(self) -> None:
        self.first = 1
        self.second = -1

    def check(self) -> None:
        assert (self.first, self.second) in ((0, 0), (1, -1))


def many_writers_and_a_check(engine: Engine) -> None:
    pair = Pair()
    engine.together(*[pair.write] * 19, pair.check)


def a_check_and_many_writers(engine: Engine) -> None:
    pair = Pair()
    engine.together(pair.check, *[pair.write] * 19)


def two_stages(engine: Engine) -> None:
    first, second = threading.Lock(), threading.Lock()
    pair = Pair()

    def write() -> None:
        with first:
            pair.first = 1
        with second:
            pair.second = 1

    def check() -> None:
        with first:
            seen = pair.first
        if seen:
            with second:
                assert pair.second

    engine.together(check, *[write] * 19)


@pytest.mark.parametrize(
    ("body", "preemptions"),
    [
        pytest.param(order_bug, 0, id="order"),
        pytest.param(lost_update, 1, id="lost update"),
        pytest.param(copied_between_two_changes, 2, id="string buffer"),
    ],
)
@pytest.mark.parametrize("strategy", ["random", "pct"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_failure_is_reported_with_as_few_preemptions_as_it_needs(
    engine: Engine, body: Callable[[Engine], None], preemptions: int, strategy: str, seed: int
) -> None:
    explored = engine.explore(lambda: body(engine), interleavings=500, strategy=strategy, seed=seed)
    assert explored.verdict == "race"
    assert len(explored.failure.preemptions) == preemptions
    assert explored.failure.reproduced == (10, 10)


@pytest.mark.parametrize(
    "body",
    [many_writers_and_a_check, a_check_and_many_writers, two_stages],
)
@pytest.mark.parametrize("seed", [2])
def test_of_many_threads_few_have_a_part(
    engine: Engine, body: Callable[[Engine], None], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticking = itertools.count(0, 0.002)  # as many runs as an idle machine has time for, however busy this one is
    monkeypatch.setattr(shrink, "real", types.SimpleNamespace(monotonic=lambda: next(ticking)))
    explored = engine.explore(lambda: body(engine), interleavings=200, seed=seed)
    assert len(explored.failure.preemptions) == 1
    assert explored.failure.reproduced == (10, 10)


def test_preemptions_that_do_not_matter_are_left_out(engine: Engine) -> None:
    def body() -> None:
        class Shared:
            flag = False
            others = 0

        lock = threading.Lock()
        seen: list[bool] = []

        def noise() -> None:
            for _ in range(4):
                with lock:
                    Shared.others += 1

        def look() -> None:
            noise()
            seen.append(Shared.flag)
            noise()
            seen.append(Shared.flag)

        def change() -> None:
            noise()
            Shared.flag = True
            noise()

        engine.together(look, change, noise)
        assert seen[0] == seen[1]

    explored = engine.explore(body, interleavings=500, strategy="random")
    assert explored.verdict == "race"
    assert [(each.thread, each.to) for each in explored.failure.preemptions] == [("T1", "T2")]


def copy_while_a_thread_refills(tracking: Tracking | RandomWalk) -> Candidate[Deviation]:
    """The same, played: the main thread starts both others, and what has not started can't be switched to."""
    main, copy, refill = make_threads(3)
    left: dict[ControlledThread, list[Any]] = {main: [copy, refill], copy: ["read", "read"], refill: ["", "more"]}
    ready = make_ready([main])
    text, copies = "data", list[str]()
    schedule: list[Deviation] = []
    preemptions = 0
    last = main
    while ready:
        can_go_on = last.slot >= 0
        last.ops += 1
        default = last if can_go_on else min(ready, key=lambda thread: thread.index)
        chosen = tracking.choose(ready, last, can_go_on) if len(ready) > 1 else ready[0]
        if chosen is not default:
            schedule.append((last.path, last.ops, chosen.path))
        preemptions += can_go_on and chosen is not last
        last = chosen
        operation = left[chosen].pop(0)
        if isinstance(operation, ControlledThread):
            enable(ready, operation)
        elif chosen is copy:
            copies.append(text)
        else:
            text = operation
        if not left[chosen]:
            disable(ready, chosen)
    choices, switches = (tuple(getattr(tracking, name, ())) for name in ("choices", "switches"))
    return Candidate(tuple(schedule), preemptions, choices, switches, fails=copies == ["data", ""])


def test_a_switch_moves_to_where_a_thread_has_started_meanwhile() -> None:
    def attempt(schedule: Schedule) -> Candidate[Deviation]:
        return copy_while_a_thread_refills(Tracking(schedule))

    simplest = set()
    for seed in range(300):
        seen = copy_while_a_thread_refills(RandomWalk(Random(seed)))
        if seen.fails:
            first = attempt(seen.schedule)
            assert first.fails
            simplest.add(minimise(first, Attempts(attempt, 1_000)).cost)
    assert simplest == {(2, 2)}
