"""`map` returns the results in the order of the inputs, whoever computed them."""

from concurrent.futures import ThreadPoolExecutor

import pytest


@pytest.mark.race
def test_squares() -> None:
    with ThreadPoolExecutor(max_workers=2) as pool:
        assert list(pool.map(lambda number: number * number, range(4))) == [0, 1, 4, 9]
