"""One lock around the whole read, addition and write: no update is lost."""

import threading

import pytest


class Counter:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.value = 0

    def increment(self) -> None:
        with self.lock:
            self.value += 1


@pytest.mark.race
def test_two_increments() -> None:
    counter = Counter()
    threads = [threading.Thread(target=counter.increment) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.value == 2
