"""An attribute in `__slots__` is shared memory like any other: the read and the write of `+=` can be split."""

import threading

import pytest


class Counter:
    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def increment(self) -> None:
        self.value += 1


@pytest.mark.race
def test_two_increments() -> None:
    counter = Counter()
    threads = [threading.Thread(target=counter.increment) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.value == 2
