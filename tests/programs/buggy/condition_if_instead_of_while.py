"""Woken up does not mean served: another consumer may have taken the item before the woken one got the lock."""

import threading

import pytest


class Shelf:
    def __init__(self) -> None:
        self.condition = threading.Condition()
        self.items: list[str] = []

    def put(self, item: str) -> None:
        with self.condition:
            self.items.append(item)
            self.condition.notify()

    def take(self) -> str:
        with self.condition:
            if not self.items:
                self.condition.wait()
            return self.items.pop()


@pytest.mark.race
def test_two_consumers() -> None:
    shelf = Shelf()
    taken: list[str] = []

    def consumer() -> None:
        taken.append(shelf.take())

    def producer() -> None:
        shelf.put("a")
        shelf.put("b")

    threads = [threading.Thread(target=target) for target in (consumer, producer, consumer)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == ["a", "b"]
