"""A checker fails only between the first setter's first write and any setter's second: the more setters, the rarer."""

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
        assert (self.a == 0 and self.b == 0) or (self.a == 1 and self.b == -1)


@pytest.mark.race
@pytest.mark.parametrize(("setters", "checkers"), [(2, 1), (4, 1), (9, 1), (19, 1), (10, 10), (99, 1)])
def test_both_or_none(setters: int, checkers: int) -> None:
    pair = Pair()
    threads = [threading.Thread(target=pair.set) for _ in range(setters)]
    threads += [threading.Thread(target=pair.check) for _ in range(checkers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
