"""A lock around `next()` lets one thread at a time into the generator."""

import threading
from collections.abc import Iterator

import pytest


class Tickets:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.sold = 0
        self.tickets = self.sell()

    def sell(self) -> Iterator[int]:
        while True:
            self.sold += 1
            yield self.sold

    def buy(self) -> int:
        with self.lock:
            return next(self.tickets)


@pytest.mark.race
def test_two_buyers() -> None:
    tickets = Tickets()
    bought: list[int] = []

    def buyer() -> None:
        bought.append(tickets.buy())

    threads = [threading.Thread(target=target) for target in (buyer, buyer)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(bought) == [1, 2]
