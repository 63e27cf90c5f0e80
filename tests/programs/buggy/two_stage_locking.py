"""Two values that belong together are written under a lock each, one after the other: a reader gets in between."""

import threading

import pytest


class Stages:
    def __init__(self) -> None:
        self.first_lock = threading.Lock()
        self.second_lock = threading.Lock()
        self.first = 0
        self.second = 0

    def write(self) -> None:
        with self.first_lock:
            self.first = 1
        with self.second_lock:
            self.second = self.first + 1

    def read(self) -> None:
        with self.first_lock:
            first = self.first
        if first == 0:
            return
        with self.second_lock:
            second = self.second
        assert second == first + 1


@pytest.mark.race
def test_second_follows_first() -> None:
    stages = Stages()
    threads = [threading.Thread(target=target) for target in (stages.write, stages.read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
