"""Both threads may compute the value, which is the same; the cache only saves time."""

import threading

import pytest


class Table:
    def __init__(self) -> None:
        self.cache: dict[int, int] = {}

    def square(self, number: int) -> int:
        cached = self.cache.get(number)
        if cached is None:
            cached = self.cache[number] = number * number
        return cached


@pytest.mark.race
def test_right_results() -> None:
    table = Table()
    results: list[int] = []
    threads = [
        threading.Thread(target=target)
        for target in (lambda: results.append(table.square(7)), lambda: results.append(table.square(7)))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [49, 49]
