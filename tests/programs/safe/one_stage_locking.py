"""Both values are written under both locks, and read under both, in the same order."""

import threading

import pytest


class Stages:
    def __init__(self) -> None:
        self.first_lock = threading.Lock()
        self.second_lock = threading.Lock()
        self.first = 0
        self.second = 0

    def write(self) -> None:
        with self.first_lock, self.second_lock:
            self.first = 1
            self.second = self.first + 1

    def read(self) -> None:
        with self.first_lock, self.second_lock:
            assert (self.first, self.second) in ((0, 0), (1, 2))


@pytest.mark.race
def test_second_follows_first() -> None:
    stages = Stages()
    threads = [threading.Thread(target=target) for target in (stages.write, stages.read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
