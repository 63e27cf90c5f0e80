"""`wait` returns when the first one, or all, are done."""

from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

import pytest


@pytest.mark.race
def test_first_then_all() -> None:
    with ThreadPoolExecutor(max_workers=2) as pool:
        futures = [pool.submit(abs, number) for number in (-1, -2)]
        first = wait(futures, return_when=FIRST_COMPLETED)
        assert len(first.done) >= 1
        everything = wait(futures)
        assert not everything.not_done
