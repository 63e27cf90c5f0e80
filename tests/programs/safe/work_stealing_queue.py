"""The thief moves the head before it looks, so owner and thief never both believe that the last item is theirs."""

import threading

import pytest


class WorkStealingQueue:
    def __init__(self, items: list[int]) -> None:
        self.lock = threading.Lock()
        self.items = items
        self.head = 0
        self.tail = len(items)

    def pop(self) -> int | None:
        self.tail -= 1
        if self.head <= self.tail:
            return self.items[self.tail]
        self.tail += 1
        with self.lock:
            self.tail -= 1
            if self.head <= self.tail:
                return self.items[self.tail]
            self.tail += 1
        return None

    def steal(self) -> int | None:
        with self.lock:
            self.head += 1
            if self.head <= self.tail:
                return self.items[self.head - 1]
            self.head -= 1
        return None


@pytest.mark.race
def test_each_item_once() -> None:
    work = WorkStealingQueue([1, 2])
    taken: list[int | None] = []

    def owner() -> None:
        taken.append(work.pop())
        taken.append(work.pop())

    def thief() -> None:
        taken.append(work.steal())

    threads = [threading.Thread(target=target) for target in (owner, thief)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    items = [item for item in taken if item is not None]
    assert len(items) == len(set(items))
