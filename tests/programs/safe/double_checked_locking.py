"""The dictionary is filled first and published last, so whoever sees it without the lock sees it full."""

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
                    dictionary = Dictionary()
                    dictionary.words.extend(["bug", "race"])
                    self.dictionary = dictionary
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
