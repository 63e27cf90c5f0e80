"""A generator runs in one thread at a time: a second `next()` meanwhile raises `ValueError`."""

import threading
from collections.abc import Iterator

import pytest


class Tickets:
    def __init__(self) -> None:
        self.sold = 0

    def sell(self) -> Iterator[int]:
        while True:
            self.sold += 1
            yield self.sold


@pytest.mark.race
def test_two_buyers() -> None:
    tickets = Tickets().sell()
    bought: list[int] = []

    def buy() -> None:
        bought.append(next(tickets))

    threads = [threading.Thread(target=target) for target in (buy, buy)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(bought) == [1, 2]
