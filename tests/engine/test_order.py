"""Tests that fail in the serial schedule: a race if the order of the threads decides, an ordinary failure if not."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Engine


class Worker:
    def __init__(self) -> None:
        self.running = False
        self.stopped_in_vain = False

    def run(self) -> None:
        self.running = True
        turns = 0
        while self.running and turns < 3:
            turns += 1
        self.stopped_in_vain = turns == 3

    def stop(self) -> None:
        self.running = False


def stopped_before_it_runs() -> None:
    worker = Worker()
    thread = threading.Thread(target=worker.run)
    thread.start()
    worker.stop()
    thread.join()
    assert not worker.stopped_in_vain


def looked_at_before_it_is_there() -> None:
    found: list[int] = []
    settings: dict[str, int] = {}
    threads = [
        threading.Thread(target=lambda: found.append(settings.get("port", 0))),
        threading.Thread(target=lambda: settings.update(port=25)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [25]


class Job:
    result: int

    def run(self) -> None:
        self.result = sum(range(10))


def looked_at_without_waiting() -> None:
    """Ends before the thread comes to what matters, so that the serial run does not show what that is."""
    job = Job()
    thread = threading.Thread(target=job.run)
    thread.start()
    assert job.result == 45
    thread.join()


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (stopped_before_it_runs, AssertionError),
        (looked_at_before_it_is_there, AssertionError),
        (looked_at_without_waiting, AttributeError),
    ],
)
def test_who_comes_first_is_a_race(engine: Engine, body: Callable[[], None], error: type[Exception]) -> None:
    explored = engine.explore(body)
    assert explored.verdict == "race"
    assert isinstance(explored.error, error)
    assert explored.result.first_failure == 0
    assert explored.failure.reproduced == (2, 2)
    assert explored.failure.under_gil == "reachable"
    assert explored.failure.steps


def test_so_it_is_where_the_world_outside_has_a_part(engine: Engine) -> None:
    def body() -> None:
        job = Job()
        job.result = 0
        reading, writing = os.pipe()

        def add() -> None:
            before = job.result
            os.read(reading, 1)
            job.result = before + 1

        try:
            engine.together(add, add, lambda: os.write(writing, b"ab"))
        finally:
            os.close(reading)
            os.close(writing)
        assert job.result == 2

    explored = engine.explore(body)
    assert explored.verdict == "race"
    assert explored.result.first_failure == 0


def test_wrong_in_every_order_is_no_race(engine: Engine) -> None:
    def body() -> None:
        numbers: list[int] = []
        engine.together(lambda: numbers.append(1), lambda: numbers.append(2))
        assert len(numbers) == 3

    assert engine.explore(body).verdict == "serial-failure"


@pytest.mark.parametrize("failing", [{1}, {1, 3, 4}, {1, 2, 4, 5}], ids=str)
def test_wrong_now_and_then_is_no_race(engine: Engine, failing: set[int]) -> None:
    """What decides survives from one run to the next."""
    runs: list[int] = []

    def body() -> None:
        engine.together(lambda: None, lambda: None)
        runs.append(1)
        assert len(runs) not in failing

    assert engine.explore(body).verdict == "serial-failure"
