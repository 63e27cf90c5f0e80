"""That something was pushed once does not mean that something is left: the popper may be faster than the pusher."""

import threading

import pytest

SIZE = 5


class Stack:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.items = [0] * SIZE
        self.top = 0
        self.pushed = False

    def push(self) -> None:
        for i in range(SIZE):
            with self.lock:
                assert self.top < SIZE
                self.items[self.top] = i
                self.top += 1
                self.pushed = True

    def pop(self) -> None:
        for _ in range(SIZE):
            with self.lock:
                if self.pushed:
                    assert self.top > 0
                    self.top -= 1


@pytest.mark.race
def test_never_too_low() -> None:
    stack = Stack()
    threads = [threading.Thread(target=target) for target in (stack.push, stack.pop)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
