"""The consumer compares by the number of its attempts, which is that of the items only if it never comes in vain."""

import threading

import pytest

SIZE = 20


class Queue:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.elements = [0] * (SIZE + 1)
        self.stored = [0] * SIZE
        self.head = 0
        self.tail = 0
        self.amount = 0
        self.may_enqueue = True
        self.may_dequeue = False

    def enqueue(self, value: int) -> None:
        self.elements[self.tail] = value
        self.amount += 1
        self.tail = 1 if self.tail == SIZE else self.tail + 1

    def dequeue(self) -> int:
        value = self.elements[self.head]
        self.amount -= 1
        self.head = 1 if self.head == SIZE else self.head + 1
        return value

    def produce(self) -> None:
        value = 0
        with self.lock:
            self.enqueue(value)
            self.stored[0] = value
            assert self.head != self.tail
        for i in range(SIZE - 1):
            with self.lock:
                if self.may_enqueue:
                    value += 1
                    self.enqueue(value)
                    self.stored[i + 1] = value
                    self.may_enqueue = False
                    self.may_dequeue = True

    def consume(self) -> None:
        for i in range(SIZE):
            with self.lock:
                if self.may_dequeue:
                    assert self.dequeue() == self.stored[i]
                    self.may_dequeue = False
                    self.may_enqueue = True


@pytest.mark.race
def test_first_in_first_out() -> None:
    queue = Queue()
    threads = [threading.Thread(target=target) for target in (queue.produce, queue.consume)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
