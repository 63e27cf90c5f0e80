"""The event is cleared before the box is emptied: a signal that comes meanwhile is kept for the next round."""

import collections
import threading

import pytest


class Box:
    def __init__(self) -> None:
        self.filled = threading.Event()
        self.letters: collections.deque[str] = collections.deque()

    def put(self, letter: str) -> None:
        self.letters.append(letter)
        self.filled.set()

    def take_all(self) -> list[str]:
        self.filled.wait()
        self.filled.clear()
        taken = []
        while self.letters:
            taken.append(self.letters.popleft())
        return taken


@pytest.mark.race
def test_both_letters_arrive() -> None:
    box = Box()
    taken: list[str] = []

    def reader() -> None:
        while len(taken) < 2:
            taken.extend(box.take_all())

    def writer() -> None:
        box.put("a")
        box.put("b")

    threads = [threading.Thread(target=target) for target in (reader, writer)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken == ["a", "b"]
