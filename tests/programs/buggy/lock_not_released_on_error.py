"""A missing key leaves the lock taken; whether the key is there depends on who comes first."""

import threading

import pytest

VERDICT = "deadlock"


class Prices:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.prices: dict[str, int] = {}

    def set(self, name: str, price: int) -> None:
        self.lock.acquire()
        self.prices[name] = price
        self.lock.release()

    def get(self, name: str) -> int:
        self.lock.acquire()
        price = self.prices[name]
        self.lock.release()
        return price


@pytest.mark.race
def test_unknown_price() -> None:
    prices = Prices()
    found: list[int | None] = []

    def seller() -> None:
        prices.set("tea", 3)

    def buyer() -> None:
        try:
            found.append(prices.get("tea"))
        except KeyError:
            found.append(None)

    threads = [threading.Thread(target=target) for target in (seller, buyer)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found in ([3], [None])
