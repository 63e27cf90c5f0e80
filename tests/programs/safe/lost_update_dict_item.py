"""The sale reads and stores the item under a lock."""

import threading

import pytest


@pytest.mark.race
def test_two_sales() -> None:
    lock = threading.Lock()
    stock = {"apples": 10, "pears": 10}

    def sell() -> None:
        with lock:
            stock["apples"] -= 1

    threads = [threading.Thread(target=target) for target in (sell, sell)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stock == {"apples": 8, "pears": 10}
