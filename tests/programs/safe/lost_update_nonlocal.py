"""The variable of the enclosing function is guarded by a lock of the enclosing function."""

import threading

import pytest


@pytest.mark.race
def test_two_increments() -> None:
    lock = threading.Lock()
    total = 0

    def add(amount: int) -> None:
        nonlocal total
        with lock:
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
