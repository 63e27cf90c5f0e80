"""Tasks of a `ThreadPoolExecutor` run in several threads: a bare `+=` loses updates there as well."""

from concurrent.futures import ThreadPoolExecutor

import pytest


class Totals:
    def __init__(self) -> None:
        self.total = 0

    def add(self, amount: int) -> None:
        self.total += amount


@pytest.mark.race
def test_sum() -> None:
    totals = Totals()
    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(totals.add, [1, 2, 3]))
    assert totals.total == 6
