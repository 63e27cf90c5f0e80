"""The first of each side takes the road while it holds the lock that the other side needs to give the road back."""

import threading

import pytest

VERDICT = "deadlock"


class Crossing:
    def __init__(self) -> None:
        self.counting = threading.Lock()
        self.road = threading.Lock()
        self.northbound = 0
        self.southbound = 0

    def north(self) -> None:
        with self.counting:
            self.northbound += 1
            if self.northbound == 1:
                self.road.acquire()
        with self.counting:
            self.northbound -= 1
            if self.northbound == 0:
                self.road.release()

    def south(self) -> None:
        with self.counting:
            self.southbound += 1
            if self.southbound == 1:
                self.road.acquire()
        with self.counting:
            self.southbound -= 1
            if self.southbound == 0:
                self.road.release()


@pytest.mark.race
def test_one_from_each_side() -> None:
    crossing = Crossing()
    threads = [threading.Thread(target=target) for target in (crossing.north, crossing.south)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not crossing.road.locked()
