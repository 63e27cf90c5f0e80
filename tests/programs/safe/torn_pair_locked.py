"""Both values are read, and both are written, under one lock."""

import threading

import pytest


class Interval:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._low = 0
        self._high = 10

    def bounds(self) -> tuple[int, int]:
        with self.lock:
            return self._low, self._high

    def move(self, low: int, high: int) -> None:
        with self.lock:
            self._low = low
            self._high = high


@pytest.mark.race
def test_low_is_below_high() -> None:
    interval = Interval()
    seen: list[tuple[int, int]] = []
    threads = [
        threading.Thread(target=target)
        for target in (lambda: interval.move(20, 30), lambda: seen.append(interval.bounds()))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    low, high = seen[0]
    assert low < high
