"""The lock of each shelf is made on first use, with `setdefault`: there is one a shelf, whoever comes first."""

import threading

import pytest


class Inventory:
    def __init__(self) -> None:
        self.locks: dict[str, threading.Lock] = {}
        self.counts = {"top": 0}

    def add(self) -> None:
        with self.locks.setdefault("top", threading.Lock()):
            self.counts["top"] += 1


@pytest.mark.race
def test_two_additions() -> None:
    inventory = Inventory()
    threads = [threading.Thread(target=inventory.add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert inventory.counts == {"top": 2}
