"""Two threads take from one generator, each with the lock held; a third has one of its own."""

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
    lock = threading.Lock()
    taken: list[int] = []

    def take() -> None:
        for _ in range(2):
            with lock:
                taken.append(next(source))

    def take_own() -> None:
        assert list(zip(range(3), numbers(), strict=False)) == [(0, 0), (1, 1), (2, 2)]

    threads = [threading.Thread(target=target) for target in (take, take, take_own)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert taken == [0, 1, 2, 3]
