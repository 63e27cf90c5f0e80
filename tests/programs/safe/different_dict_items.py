"""Each thread updates an item of its own: nothing is shared but the dictionary, whose operations are atomic."""

import threading

import pytest


@pytest.mark.race
def test_two_sellers() -> None:
    stock = {"apples": 10, "pears": 10}

    def sell_apple() -> None:
        stock["apples"] -= 1

    def sell_pear() -> None:
        stock["pears"] -= 1

    threads = [threading.Thread(target=target) for target in (sell_apple, sell_pear)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stock == {"apples": 9, "pears": 9}
