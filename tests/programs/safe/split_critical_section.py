"""Read and write stand in one critical section."""

import threading

import pytest


class Sequence:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.value = 0

    def advance(self) -> None:
        with self.lock:
            value = self.value
            self.value = value + 1


@pytest.mark.race
def test_two_advances() -> None:
    sequence = Sequence()
    threads = [threading.Thread(target=sequence.advance) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sequence.value == 2
