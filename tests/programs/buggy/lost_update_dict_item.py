"""`stock[name] -= 1` reads the item and stores it again: a sale in between is lost."""

import threading

import pytest


@pytest.mark.race
def test_two_sales() -> None:
    stock = {"apples": 10, "pears": 10}

    def sell() -> None:
        stock["apples"] -= 1

    threads = [threading.Thread(target=target) for target in (sell, sell)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stock == {"apples": 8, "pears": 10}
