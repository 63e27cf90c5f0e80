"""Writer and checker each hold a lock, but not the same one."""

import threading

import pytest


class Store:
    def __init__(self) -> None:
        self.data_lock = threading.Lock()
        self.other_lock = threading.Lock()
        self.value = 0

    def increment_and_check(self) -> None:
        with self.data_lock:
            before = self.value
            self.value += 1
            assert self.value == before + 1

    def increment(self) -> None:
        with self.other_lock:
            self.value += 1


@pytest.mark.race
def test_one_against_one() -> None:
    store = Store()
    threads = [threading.Thread(target=target) for target in (store.increment_and_check, store.increment)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.value == 2
