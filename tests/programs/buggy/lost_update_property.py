"""The counter hides behind a property, whose getter and setter are two separate calls: an update in between is lost."""

import threading

import pytest


class Counter:
    def __init__(self) -> None:
        self._value = 0

    @property
    def value(self) -> int:
        return self._value

    @value.setter
    def value(self, new: int) -> None:
        self._value = new


@pytest.mark.race
def test_two_increments() -> None:
    counter = Counter()

    def increment() -> None:
        counter.value += 1

    threads = [threading.Thread(target=target) for target in (increment, increment)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.value == 2
