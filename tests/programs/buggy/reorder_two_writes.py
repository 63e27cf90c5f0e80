"""The checker expects both writes or none, but they are two steps, and it may look in between."""

import threading

import pytest


class Pair:
    def __init__(self) -> None:
        self.a = 0
        self.b = 0

    def set(self) -> None:
        self.a = 1
        self.b = -1

    def check(self) -> None:
        seen = self.a, self.b
        assert seen in ((0, 0), (1, -1))


@pytest.mark.race
def test_one_setter() -> None:
    pair = Pair()
    threads = [threading.Thread(target=target) for target in (pair.set, pair.check)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
