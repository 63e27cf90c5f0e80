"""Two tasks wait for a subtask each, in a pool that has a thread for all four."""

from concurrent.futures import ThreadPoolExecutor

import pytest


@pytest.mark.race
def test_nested_tasks() -> None:
    with ThreadPoolExecutor(max_workers=4) as pool:

        def double(number: int) -> int:
            return pool.submit(lambda: number * 2).result()

        futures = [pool.submit(double, number) for number in (1, 2)]
        assert [future.result() for future in futures] == [2, 4]
