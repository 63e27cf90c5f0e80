"""The tasks return their share, and one thread adds up."""

from concurrent.futures import ThreadPoolExecutor

import pytest


@pytest.mark.race
def test_sum_of_results() -> None:
    with ThreadPoolExecutor(max_workers=2) as pool:
        total = sum(pool.map(lambda amount: amount * 10, [1, 2, 3]))
    assert total == 60
