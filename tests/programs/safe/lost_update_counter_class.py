"""The words are counted apart in each thread and added up under a lock."""

import collections
import threading

import pytest


@pytest.mark.race
def test_two_words() -> None:
    lock = threading.Lock()
    words: collections.Counter[str] = collections.Counter()

    def read(text: str) -> None:
        counted = collections.Counter(text.split())
        with lock:
            words.update(counted)

    threads = [threading.Thread(target=target) for target in (lambda: read("a rose is"), lambda: read("a rose"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert words == {"a": 2, "rose": 2, "is": 1}
