"""Who counts himself in has the road already: it is never waited for with the count locked."""

import threading

import pytest


class Crossing:
    def __init__(self) -> None:
        self.counting = threading.Lock()
        self.road = threading.Lock()
        self.crossed = 0

    def cross(self) -> None:
        with self.road, self.counting:
            self.crossed += 1


@pytest.mark.race
def test_one_from_each_side() -> None:
    crossing = Crossing()
    threads = [threading.Thread(target=target) for target in (crossing.cross, crossing.cross)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert crossing.crossed == 2
    assert not crossing.road.locked()
