"""Waits overlap in threads: three of them take as long as one. Passes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_racecheck.pytesting.gil_api import Gil


@pytest.mark.gil(min_speedup=2, verdict="I/O-bound")
def test_three_waits_at_once(io_task: Callable[[], None]) -> None:
    with ThreadPoolExecutor(3) as pool:
        for answer in [pool.submit(io_task) for _ in range(3)]:
            answer.result()


def test_waiting_with_a_lock_held(gil: Gil) -> None:
    lock = threading.Lock()

    def wait() -> None:
        with lock:
            threading.Event().wait(0.1)

    measured = gil.compare(wait, threads=4, limit=2)
    assert measured.verdict == "lock-bound", measured
    assert measured.lock == "lock"
