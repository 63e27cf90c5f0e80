"""A `deque` with `maxlen` drops from the other end in the same operation: never longer than its limit."""

import collections
import threading

import pytest


@pytest.mark.race
def test_never_too_long() -> None:
    recent: collections.deque[int] = collections.deque(maxlen=2)
    lengths: list[int] = []

    def log(entry: int) -> None:
        recent.append(entry)
        lengths.append(len(recent))

    threads = [threading.Thread(target=target) for target in (lambda: log(1), lambda: log(2), lambda: log(3))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(lengths) <= 2
    assert len(recent) == 2
