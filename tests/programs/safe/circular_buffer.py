"""One producer, one consumer, and no count: each index has one writer, and moves after the slot was used."""

import threading

import pytest


class Ring:
    def __init__(self, size: int) -> None:
        self.slots: list[int | None] = [None] * (size + 1)
        self.head = 0
        self.tail = 0

    def put(self, item: int) -> bool:
        following = (self.tail + 1) % len(self.slots)
        if following == self.head:
            return False
        self.slots[self.tail] = item
        self.tail = following
        return True

    def get(self) -> int | None:
        if self.head == self.tail:
            return None
        item = self.slots[self.head]
        self.head = (self.head + 1) % len(self.slots)
        return item


@pytest.mark.race
def test_in_order() -> None:
    ring = Ring(size=2)
    sent: list[int] = []
    received: list[int] = []

    def producer() -> None:
        for item in (1, 2, 3):
            if ring.put(item):
                sent.append(item)

    def consumer() -> None:
        for _ in range(3):
            item = ring.get()
            if item is not None:
                received.append(item)

    threads = [threading.Thread(target=target) for target in (producer, consumer)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while (item := ring.get()) is not None:
        received.append(item)
    assert received == sent
