"""`with` gives the lock back when the key is missing."""

import threading

import pytest


class Prices:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.prices: dict[str, int] = {}

    def set(self, name: str, price: int) -> None:
        with self.lock:
            self.prices[name] = price

    def get(self, name: str) -> int:
        with self.lock:
            return self.prices[name]


@pytest.mark.race
def test_unknown_price() -> None:
    prices = Prices()
    found: list[int | None] = []

    def buyer() -> None:
        try:
            found.append(prices.get("tea"))
        except KeyError:
            found.append(None)

    threads = [threading.Thread(target=target) for target in (lambda: prices.set("tea", 3), buyer)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found in ([3], [None])
