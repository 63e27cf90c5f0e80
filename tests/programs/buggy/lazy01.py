"""Every access is locked, but the checker relies on coming before the second writer."""

import threading

import pytest


class Data:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.value = 0

    def check(self) -> None:
        with self.lock:
            assert self.value < 3

    def add(self, amount: int) -> None:
        with self.lock:
            self.value += amount


@pytest.mark.race
def test_checker_comes_first() -> None:
    data = Data()
    threads = [threading.Thread(target=target) for target in (data.check, lambda: data.add(1), lambda: data.add(2))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert data.value == 3
