"""`result(timeout=)` runs out before the slow task is done, and later it is."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest


@pytest.mark.race
def test_too_early() -> None:
    with ThreadPoolExecutor(max_workers=1) as pool:
        slow = pool.submit(time.sleep, 0.1)
        with pytest.raises(TimeoutError):
            slow.result(timeout=0.01)
        assert slow.result() is None
