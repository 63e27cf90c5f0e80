"""`itertools.count` hands out each number once."""

import itertools
import threading

import pytest

numbers = itertools.count()


@pytest.mark.race
def test_each_number_once() -> None:
    drawn: list[int] = []

    def draw() -> None:
        drawn.append(next(numbers))

    threads = [threading.Thread(target=target) for target in (draw, draw, draw)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(drawn)) == 3
