"""Length and characters of the other buffer are read under its lock, taken once."""

import threading

import pytest


class StringBuffer:
    def __init__(self, text: str) -> None:
        self.lock = threading.RLock()
        self.text = text

    def characters(self, count: int) -> str:
        with self.lock:
            if count > len(self.text):
                raise IndexError(count)
            return self.text[:count]

    def replace(self, text: str) -> None:
        with self.lock:
            self.text = ""
            self.text += text

    def append(self, other: "StringBuffer") -> None:
        with other.lock:
            added = other.characters(len(other.text))
        with self.lock:
            self.text += added


@pytest.mark.race
def test_append_while_editing() -> None:
    buffer, other = StringBuffer("abc"), StringBuffer("xyz")
    threads = [
        threading.Thread(target=target) for target in (lambda: buffer.append(other), lambda: other.replace("uvw"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert buffer.text in ("abcxyz", "abcuvw")
