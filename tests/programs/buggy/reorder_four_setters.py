"""Four setters and one checker: the checker only fails before the first setter has written its second value."""

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
def test_four_setters() -> None:
    pair = Pair()
    threads = [threading.Thread(target=target) for target in (pair.set, pair.set, pair.set, pair.set, pair.check)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
