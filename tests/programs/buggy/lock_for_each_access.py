"""Every access is locked, but the two reads are two critical sections: the interval can be half old, half new."""

import threading

import pytest


class Interval:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._low = 0
        self._high = 10

    def low(self) -> int:
        with self.lock:
            return self._low

    def high(self) -> int:
        with self.lock:
            return self._high

    def move(self, low: int, high: int) -> None:
        with self.lock:
            self._low = low
            self._high = high


@pytest.mark.race
def test_low_is_below_high() -> None:
    interval = Interval()
    seen: list[tuple[int, int]] = []

    def reader() -> None:
        high = interval.high()
        seen.append((interval.low(), high))

    threads = [threading.Thread(target=target) for target in (lambda: interval.move(20, 30), reader)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    low, high = seen[0]
    assert low < high
