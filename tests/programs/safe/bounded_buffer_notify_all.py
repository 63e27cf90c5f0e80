"""One condition for both sides, but everybody is woken and looks for himself."""

import threading

import pytest


class Buffer:
    def __init__(self) -> None:
        self.condition = threading.Condition()
        self.item: int | None = None

    def put(self, item: int) -> None:
        with self.condition:
            while self.item is not None:
                self.condition.wait()
            self.item = item
            self.condition.notify_all()

    def get(self) -> int:
        with self.condition:
            while self.item is None:
                self.condition.wait()
            item, self.item = self.item, None
            self.condition.notify_all()
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
