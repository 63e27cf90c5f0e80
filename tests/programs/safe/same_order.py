"""Two locks, two threads, the same order."""

import threading

import pytest


class Shared:
    def __init__(self) -> None:
        self.lock_a = threading.Lock()
        self.lock_b = threading.Lock()
        self.value = 1

    def increment(self) -> None:
        with self.lock_a, self.lock_b:
            self.value += 1

    def decrement(self) -> None:
        with self.lock_a, self.lock_b:
            self.value -= 1


@pytest.mark.race
def test_same_order() -> None:
    shared = Shared()
    threads = [threading.Thread(target=target) for target in (shared.increment, shared.decrement)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shared.value == 1
