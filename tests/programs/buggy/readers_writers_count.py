"""The number of readers is counted without a lock: two readers who come at once are counted as one."""

import threading

import pytest


class Hall:
    def __init__(self) -> None:
        self.readers = 0
        self.free = threading.Event()
        self.free.set()

    def enter(self) -> None:
        self.readers += 1
        self.free.clear()

    def leave(self) -> None:
        self.readers -= 1
        if self.readers == 0:
            self.free.set()


@pytest.mark.race
def test_hall_is_free_in_the_end() -> None:
    hall = Hall()

    def reader() -> None:
        hall.enter()
        hall.leave()

    threads = [threading.Thread(target=target) for target in (reader, reader)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert hall.free.is_set()
    assert hall.readers == 0
