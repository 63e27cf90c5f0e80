"""Head and tail have one writer each, but both sides write the number of items, and an update of it is lost."""

import threading

import pytest


class Ring:
    def __init__(self, size: int) -> None:
        self.slots: list[int | None] = [None] * size
        self.head = 0
        self.tail = 0
        self.count = 0

    def put(self, item: int) -> None:
        if self.count < len(self.slots):
            self.slots[self.tail] = item
            self.tail = (self.tail + 1) % len(self.slots)
            self.count += 1

    def get(self) -> int | None:
        if self.count == 0:
            return None
        item = self.slots[self.head]
        self.head = (self.head + 1) % len(self.slots)
        self.count -= 1
        return item


@pytest.mark.race
def test_one_in_one_out() -> None:
    ring = Ring(size=3)
    ring.put(1)
    threads = [threading.Thread(target=target) for target in (lambda: ring.put(2), ring.get)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ring.count == 1
