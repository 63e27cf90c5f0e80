"""The owner fills the queue to the brim, where a thief that is about to take the oldest item finds the newest instead.

A queue of two with an owner at its tail and a thief at its head, after the THE protocol of Cilk-5. `push` has to leave
one place free, because a thief first moves the head and then takes the item.
"""

import threading

import pytest

CAPACITY = 2
ITEMS = 4
STEALS = 2


class Item:
    def __init__(self) -> None:
        self.used = 0


class WorkStealingQueue:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.places: list[Item | None] = [None] * CAPACITY
        self.head = 0
        self.tail = 0

    def push(self, item: Item) -> None:
        tail = self.tail
        if tail < self.head + len(self.places):  # the mistake: one too many
            self.places[tail % len(self.places)] = item
            self.tail = tail + 1
            return
        with self.lock:
            count = self.tail - self.head
            self.places = [self.places[(self.head + i) % len(self.places)] for i in range(count)] + [None] * count
            self.head, self.tail = 0, count
            self.places[count] = item
            self.tail = count + 1

    def pop(self) -> Item | None:
        tail = self.tail - 1
        self.tail = tail
        if self.head <= tail:
            return self.places[tail % len(self.places)]
        self.tail = tail + 1
        return self._pop_alone()

    def _pop_alone(self) -> Item | None:
        with self.lock:
            tail = self.tail - 1
            self.tail = tail
            item = self.places[tail % len(self.places)] if self.head <= tail else None
            if item is None:
                self.tail = tail + 1
            if self.head > tail:
                self.head = self.tail = 0
                item = None
            return item

    def steal(self) -> Item | None:
        with self.lock:
            head = self.head
            self.head = head + 1
            if head < self.tail:
                return self.places[head % len(self.places)]
            self.head = head
            return None


@pytest.mark.race
def test_each_item_once() -> None:
    items = [Item() for _ in range(ITEMS)]
    work = WorkStealingQueue()

    def use(item: Item | None) -> None:
        if item is not None:
            item.used += 1

    def thief() -> None:
        for _ in range(STEALS):
            use(work.steal())

    thread = threading.Thread(target=thief)
    thread.start()
    for i in range(0, ITEMS, 2):
        work.push(items[i])
        work.push(items[i + 1])
        use(work.pop())
    for _ in range(0, ITEMS, 2):
        use(work.pop())
    thread.join()
    assert [item.used for item in items] == [1] * ITEMS
