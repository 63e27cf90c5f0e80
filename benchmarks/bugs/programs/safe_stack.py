"""Vyukov's lock-free stack: an element may be taken twice, after at least five switches among three threads.

The atomic operations of the original are methods that hold a lock for one operation.
"""

import threading
import time

import pytest

THREADS = 3
ROUNDS = 2


class Atomic:
    """A number with the operations of C++'s std::atomic."""

    def __init__(self, value: int) -> None:
        self.lock = threading.Lock()
        self.value = value

    def load(self) -> int:
        with self.lock:
            return self.value

    def store(self, value: int) -> None:
        with self.lock:
            self.value = value

    def add(self, amount: int) -> None:
        with self.lock:
            self.value += amount

    def exchange(self, value: int) -> int:
        with self.lock:
            old, self.value = self.value, value
            return old

    def compare_and_swap(self, expected: int, value: int) -> int:
        """Returns what was there; the swap happened if that is what was expected."""
        with self.lock:
            old = self.value
            if old == expected:
                self.value = value
            return old


class SafeStack:
    def __init__(self, size: int) -> None:
        self.head = Atomic(0)
        self.count = Atomic(size)
        self.next = tuple(Atomic(i + 1 if i + 1 < size else -1) for i in range(size))

    def pop(self) -> int:
        while self.count.load() > 1:
            head = self.head.load()
            after = self.next[head].exchange(-1)
            if after >= 0:
                if self.head.compare_and_swap(head, after) == head:
                    self.count.add(-1)
                    return head
                self.next[head].exchange(after)
            else:
                time.sleep(0)
        return -1

    def push(self, index: int) -> None:
        head = self.head.load()
        while True:
            self.next[index].store(head)
            seen = self.head.compare_and_swap(head, index)
            if seen == head:
                break
            head = seen
        self.count.add(1)


class Owned:
    def __init__(self) -> None:
        self.by = 0


@pytest.mark.race
def test_one_owner_at_a_time() -> None:
    stack = SafeStack(THREADS)
    elements = tuple(Owned() for _ in range(THREADS))

    def work(me: int) -> None:
        for _ in range(ROUNDS):
            index = stack.pop()
            while index < 0:
                time.sleep(0)
                index = stack.pop()
            elements[index].by = me
            assert elements[index].by == me
            stack.push(index)

    threads = [threading.Thread(target=work, args=(me,)) for me in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
