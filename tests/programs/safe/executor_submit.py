"""Each future has the result of its own task."""

from concurrent.futures import ThreadPoolExecutor

import pytest


@pytest.mark.race
def test_own_results() -> None:
    with ThreadPoolExecutor(max_workers=2) as pool:
        futures = {number: pool.submit(pow, number, 2) for number in (2, 3)}
        assert {number: future.result() for number, future in futures.items()} == {2: 4, 3: 9}
