"""Length and characters of the other buffer are read in two calls: shortened in between, it has fewer."""

import threading

import pytest


class StringBuffer:
    def __init__(self, text: str) -> None:
        self.lock = threading.RLock()
        self.text = text

    def __len__(self) -> int:
        with self.lock:
            return len(self.text)

    def characters(self, count: int) -> str:
        with self.lock:
            if count > len(self.text):
                raise IndexError(count)
            return self.text[:count]

    def erase(self, count: int) -> None:
        with self.lock:
            self.text = self.text[count:]

    def append_text(self, text: str) -> None:
        with self.lock:
            self.text += text

    def append(self, other: "StringBuffer") -> None:
        with self.lock:
            count = len(other)
            self.text += other.characters(count)


@pytest.mark.race
def test_append_while_editing() -> None:
    buffer, other = StringBuffer("abc"), StringBuffer("xyz")

    def edit() -> None:
        other.erase(3)
        other.append_text("uvw")

    threads = [threading.Thread(target=target) for target in (lambda: buffer.append(other), edit)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(other) == 3
