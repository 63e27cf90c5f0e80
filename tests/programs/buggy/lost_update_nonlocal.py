"""A variable of the enclosing function is one cell for all threads: `+=` on it loses updates."""

import threading

import pytest


@pytest.mark.race
def test_two_increments() -> None:
    total = 0

    def add(amount: int) -> None:
        nonlocal total
        total += amount

    def one() -> None:
        add(1)

    def two() -> None:
        add(2)

    threads = [threading.Thread(target=target) for target in (one, two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert total == 3
