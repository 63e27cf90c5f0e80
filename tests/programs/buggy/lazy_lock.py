"""The lock itself is created on first use, unguarded: two threads may each hold a lock of their own."""

import threading

import pytest


class Inventory:
    def __init__(self) -> None:
        self._lock: threading.Lock | None = None
        self.count = 0

    def add(self) -> None:
        if self._lock is None:
            self._lock = threading.Lock()
        with self._lock:
            self.count += 1


@pytest.mark.race
def test_two_additions() -> None:
    inventory = Inventory()
    threads = [threading.Thread(target=inventory.add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert inventory.count == 2
