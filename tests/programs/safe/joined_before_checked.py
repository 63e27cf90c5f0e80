"""The checker starts when both writers have ended: `join` orders what no lock does."""

import threading

import pytest


class Data:
    def __init__(self) -> None:
        self.values = [0, 0]

    def write(self, index: int) -> None:
        self.values[index] = index + 1

    def check(self) -> None:
        assert self.values == [1, 2]


@pytest.mark.race
def test_checker_comes_last() -> None:
    data = Data()
    threads = [threading.Thread(target=target) for target in (lambda: data.write(0), lambda: data.write(1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    checker = threading.Thread(target=data.check)
    checker.start()
    checker.join()
