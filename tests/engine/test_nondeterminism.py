"""A failure that one schedule does not always lead to is no race, unless the world outside has a part in it."""

from __future__ import annotations

import random
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_racecheck.report.text import render_failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Engine


def luck(seed: int) -> Callable[[], float]:
    """Random numbers that go on from one interleaving to the next, as those of the system do."""
    return random.Random(seed).random


def test_bad_luck_is_no_race(engine: Engine) -> None:
    lock, numbers = threading.Lock(), luck(12)
    counts: list[int] = []

    def work() -> None:
        with lock:
            counts[-1] += 1

    def body() -> None:
        counts.append(0)
        engine.together(work, work)
        assert counts[-1] == 2
        assert numbers() < 0.7

    explored = engine.explore(body, strategy="random", seed=1)
    assert explored.verdict == "nondeterministic"
    again, replays = explored.failure.reproduced
    assert 0 < again < replays
    where = f", in interleaving {explored.result.first_failure} and in {again} of {replays} replays of its schedule"
    assert where in str(explored.error)


def test_a_race_that_takes_luck_as_well_tells_where_its_replays_part(engine: Engine) -> None:
    lock, numbers = threading.Lock(), luck(5)

    class Counter:
        value = 0

    def body() -> None:
        counter = Counter()
        careless = numbers() < 0.5

        def work() -> None:
            if careless:
                counter.value += 1
            else:
                with lock:
                    counter.value += 1

        engine.together(work, work)
        assert counter.value == 2

    explored = engine.explore(body, interleavings=100, strategy="random")
    assert explored.verdict == "nondeterministic"
    again, replays = explored.failure.reproduced
    assert 0 < again < replays
    assert "two of these first differ at the " in str(explored.error)
    assert f"{Path(__file__).name}:" in str(explored.error)
    assert explored.failure.token
    text = render_failure(explored.result, 120)
    assert "The usual" not in text
    assert "- Or: real time, random numbers from the system" in text
    assert "write value" in text  # how it came about where it did


def test_a_race_that_shows_in_one_way_or_another_is_one(engine: Engine) -> None:
    numbers = luck(1)

    def body() -> None:
        count = [0]

        def work() -> None:
            seen = count[0]
            count[0] = seen + 1

        engine.together(work, work)
        if numbers() < 0.5:
            assert count[0] == 2, "heads"
        assert count == [2], "tails"

    explored = engine.explore(body, interleavings=100)
    assert explored.verdict == "race"
    again, replays = explored.failure.reproduced
    assert 0 < again < replays


TOTALS = [0]


def test_state_that_survives_is_named_with_its_values(engine: Engine) -> None:
    TOTALS[0] = 0

    def body() -> None:
        def work() -> None:
            TOTALS[0] += 1

        engine.together(work, work)
        assert TOTALS[0] == 2

    explored = engine.explore(body)
    assert explored.verdict == "nondeterministic"
    text = str(explored.error)
    assert "state survives from one interleaving to the next; two of these first differ at the " in text
    assert re.search(r"\(T1, \[\d+\] in one and \[\d+\] in the other\)", text)
