"""`collections.Counter` makes a missing key 0, but does not make `+=` on it atomic."""

import collections
import threading

import pytest


@pytest.mark.race
def test_two_words() -> None:
    words: collections.Counter[str] = collections.Counter()

    def read(text: str) -> None:
        for word in text.split():
            words[word] += 1

    def first() -> None:
        read("a rose is")

    def second() -> None:
        read("a rose")

    threads = [threading.Thread(target=target) for target in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert words == {"a": 2, "rose": 2, "is": 1}
