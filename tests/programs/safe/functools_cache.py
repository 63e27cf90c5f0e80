"""`functools.lru_cache` may compute twice, but never mixes its entries up."""

import functools
import threading

import pytest


@functools.lru_cache(maxsize=2)
def square(number: int) -> int:
    return number * number


@pytest.mark.race
def test_right_results() -> None:
    square.cache_clear()
    results: dict[int, int] = {}

    def work(number: int) -> None:
        results[number] = square(number)

    threads = [threading.Thread(target=target) for target in (lambda: work(2), lambda: work(3), lambda: work(2))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {2: 4, 3: 9}
