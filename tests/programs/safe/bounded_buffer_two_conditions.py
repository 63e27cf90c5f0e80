"""Producers wait for room, consumers for items, on two conditions of one lock: `notify()` wakes the right side."""

import threading

import pytest


class Buffer:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.room = threading.Condition(self.lock)
        self.stock = threading.Condition(self.lock)
        self.item: int | None = None

    def put(self, item: int) -> None:
        with self.lock:
            while self.item is not None:
                self.room.wait()
            self.item = item
            self.stock.notify()

    def get(self) -> int:
        with self.lock:
            while self.item is None:
                self.stock.wait()
            item, self.item = self.item, None
            self.room.notify()
            return item


@pytest.mark.race
def test_one_producer_two_consumers() -> None:
    buffer = Buffer()
    got: list[int] = []

    def producer() -> None:
        buffer.put(1)
        buffer.put(2)

    def consumer() -> None:
        got.append(buffer.get())

    threads = [threading.Thread(target=target) for target in (producer, consumer, consumer)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [1, 2]
