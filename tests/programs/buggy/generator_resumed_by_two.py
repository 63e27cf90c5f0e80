"""A generator that two threads take from: while one runs it, the other one's `next` is an error."""

import threading
from collections.abc import Iterator

import pytest


def numbers() -> Iterator[int]:
    number = 0
    while True:
        yield number
        number += 1


@pytest.mark.race
def test_take() -> None:
    source = numbers()
    taken: list[int] = []

    def take() -> None:
        for _ in range(2):
            taken.append(next(source))

    threads = [threading.Thread(target=take) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(taken) == [0, 1, 2, 3]
