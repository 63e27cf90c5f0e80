"""Two values that belong together are written in two critical sections: a reader may come between the two."""

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
            if self.first == 0:
                return
            first = self.first
        with self.second_lock:
            second = self.second
        assert second == first + 1


@pytest.mark.race
@pytest.mark.parametrize("threads", [2, 10, 20, 50, 100])
def test_second_follows_first(threads: int) -> None:
    stages = Stages()
    started = [threading.Thread(target=stages.write) for _ in range(threads - 1)]
    started.append(threading.Thread(target=stages.read))
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
