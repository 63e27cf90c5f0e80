"""The same seed gives the same interleavings, whatever ran before; the failure found is as simple as it can be."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Engine


def orders(engine: Engine) -> str:
    done: list[str] = []

    def work(name: str) -> None:
        for _ in range(3):
            done.append(name)  # noqa: PERF401 - one operation each

    engine.together(lambda: work("a"), lambda: work("b"))
    return "".join(done)


@pytest.mark.parametrize("strategy", ["random", "pct", "auto"])
def test_the_same_seed_gives_the_same_interleavings(engine: Engine, strategy: str) -> None:
    first = engine.passes(lambda: orders(engine), seed=3, strategy=strategy)
    engine.explore(lambda: orders(engine), seed=9, strategy=strategy, nodeid="another")
    assert engine.passes(lambda: orders(engine), seed=3, strategy=strategy) == first
    assert engine.passes(lambda: orders(engine), seed=4, strategy=strategy) != first
    assert first[0] == "aaabbb"


def lost_update(engine: Engine) -> None:
    count = [0]

    def work() -> None:
        seen = count[0]
        count[0] = seen + 1

    engine.together(work, work)
    assert count[0] == 2


def wrong_order(engine: Engine) -> None:
    value: list[int] = []
    reader = threading.Thread(target=lambda: value.append(1))
    other = threading.Thread(target=lambda: value.append(2))
    reader.start()
    other.start()
    reader.join()
    other.join()
    assert value == [1, 2]


def test_a_lost_update_needs_one_preemption(engine: Engine) -> None:
    explored = engine.explore(lambda: lost_update(engine), interleavings=100)
    assert explored.verdict == "race"
    assert len(explored.failure.preemptions) == 1
    assert explored.failure.reproduced[0] == explored.failure.reproduced[1] > 1


def test_a_mere_order_needs_none(engine: Engine) -> None:
    explored = engine.explore(lambda: wrong_order(engine), interleavings=100)
    assert explored.verdict == "race"
    assert explored.failure.preemptions == []


def test_a_token_replays_its_failure(engine: Engine) -> None:
    token = engine.explore(lambda: lost_update(engine), interleavings=100).failure.token
    replayed = engine.explore(lambda: lost_update(engine), replay=token)
    assert replayed.verdict == "race"
    assert isinstance(replayed.error, AssertionError)
    assert replayed.result.notes == []
