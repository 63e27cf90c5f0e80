"""`as_completed` gives every future once, in any order."""

from concurrent.futures import ThreadPoolExecutor, as_completed

import pytest


@pytest.mark.race
def test_all_come() -> None:
    with ThreadPoolExecutor(max_workers=2) as pool:
        futures = [pool.submit(abs, number) for number in (-1, -2, -3)]
        assert sorted(future.result() for future in as_completed(futures)) == [1, 2, 3]
