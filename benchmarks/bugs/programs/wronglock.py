"""One thread holds the right lock for its increment, all others the wrong one."""

import threading

import pytest


class Store:
    def __init__(self) -> None:
        self.right = threading.Lock()
        self.wrong = threading.Lock()
        self.value = 0

    def increment_and_check(self) -> None:
        with self.right:
            before = self.value
            self.value += 1
            assert self.value == before + 1

    def increment(self) -> None:
        with self.wrong:
            self.value += 1


@pytest.mark.race
@pytest.mark.parametrize(("right", "wrong"), [(1, 1), (1, 3), (1, 7)])
def test_increments_one_by_one(right: int, wrong: int) -> None:
    store = Store()
    threads = [threading.Thread(target=store.increment_and_check) for _ in range(right)]
    threads += [threading.Thread(target=store.increment) for _ in range(wrong)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
