"""Readers are counted under a lock; the first one locks the writers out, the last one lets them in."""

import threading

import pytest


class Book:
    def __init__(self) -> None:
        self.counting = threading.Lock()
        self.writing = threading.Lock()
        self.readers = 0
        self.pages = ["1", "2"]

    def read(self) -> list[str]:
        with self.counting:
            self.readers += 1
            if self.readers == 1:
                self.writing.acquire()
        pages = [page.strip() for page in self.pages]
        with self.counting:
            self.readers -= 1
            if self.readers == 0:
                self.writing.release()
        return pages

    def write(self) -> None:
        with self.writing:
            self.pages[0] = "one"
            self.pages[1] = "two"


@pytest.mark.race
def test_old_or_new() -> None:
    book = Book()
    seen: list[list[str]] = []

    def reader() -> None:
        seen.append(book.read())

    threads = [threading.Thread(target=target) for target in (reader, book.write, reader)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(pages in (["1", "2"], ["one", "two"]) for pages in seen)
