"""The instance is published before it is filled; who sees it without the lock gets one that is not ready."""

import threading

import pytest


class Dictionary:
    def __init__(self) -> None:
        self.words: list[str] = []


class Library:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.dictionary: Dictionary | None = None

    def get(self) -> Dictionary:
        if self.dictionary is None:
            with self.lock:
                if self.dictionary is None:
                    self.dictionary = Dictionary()
                    self.dictionary.words.extend(["bug", "race"])
        return self.dictionary


@pytest.mark.race
def test_dictionary_is_full() -> None:
    library = Library()
    sizes: list[int] = []

    def reader() -> None:
        sizes.append(len(library.get().words))

    threads = [threading.Thread(target=target) for target in (reader, reader)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sizes == [2, 2]
