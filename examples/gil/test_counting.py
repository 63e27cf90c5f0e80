"""Counting down in threads gains nothing, in processes it does. Passes; prints what it measured."""

from __future__ import annotations

import multiprocessing
import threading
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_racecheck.pytesting.gil_api import Gil

N = 4_000_000


@pytest.mark.gil(verdict="GIL-bound")
def test_two_threads_take_turns(cpu_task: Callable[[int], int]) -> None:
    threads = [threading.Thread(target=cpu_task, args=(N,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_what_else_there_is(gil: Gil, cpu_task: Callable[[int], int]) -> None:
    ways = gil.what_if(cpu_task, threads=2, args=(N,))
    print(ways)
    assert ways.best is not None


def test_a_pool_of_processes(cpu_task: Callable[[int], int]) -> None:
    parts = [N // 4] * 4
    with multiprocessing.Pool(2) as pool:
        assert pool.map(cpu_task, parts) == parts
        assert list(pool.imap(cpu_task, parts)) == parts
        answers = [pool.apply_async(cpu_task, (part,)) for part in parts]
        assert [answer.get(timeout=60) for answer in answers] == parts
