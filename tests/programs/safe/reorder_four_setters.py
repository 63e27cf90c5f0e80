"""Setters and checker take a lock for the two values."""

import threading

import pytest


class Pair:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.a = 0
        self.b = 0

    def set(self) -> None:
        with self.lock:
            self.a = 1
            self.b = -1

    def check(self) -> None:
        with self.lock:
            seen = self.a, self.b
        assert seen in ((0, 0), (1, -1))


@pytest.mark.race
def test_four_setters() -> None:
    pair = Pair()
    threads = [threading.Thread(target=target) for target in (pair.set, pair.set, pair.set, pair.set, pair.check)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
