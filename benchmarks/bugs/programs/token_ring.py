"""Each thread copies its neighbour's token: all are equal at the end only if they go in the order of the ring."""

import threading

import pytest


class Ring:
    def __init__(self) -> None:
        self.first, self.second, self.third = 1, 2, 1
        self.first_done = self.second_done = self.third_done = False

    def start(self) -> None:
        self.first = (self.third + 1) % 4
        self.first_done = True

    def copy_first(self) -> None:
        self.second = self.first
        self.second_done = True

    def copy_second(self) -> None:
        self.third = self.second
        self.third_done = True

    def check(self) -> None:
        if self.first_done and self.second_done and self.third_done:
            assert self.first == self.second == self.third


@pytest.mark.race
def test_one_token_for_all() -> None:
    ring = Ring()
    targets = (ring.start, ring.copy_first, ring.copy_second, ring.check)
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
