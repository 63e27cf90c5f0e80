"""A future that was cancelled never runs; one that could not be cancelled does."""

from concurrent.futures import ThreadPoolExecutor

import pytest


@pytest.mark.race
def test_run_or_cancelled() -> None:
    ran: list[int] = []
    with ThreadPoolExecutor(max_workers=1) as pool:
        future = pool.submit(ran.append, 1)
        cancelled = future.cancel()
    assert cancelled is (ran == [])
