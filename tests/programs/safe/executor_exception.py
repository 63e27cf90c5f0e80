"""A task's exception stays in its future, where the caller expects it."""

from concurrent.futures import ThreadPoolExecutor

import pytest


@pytest.mark.race
def test_exception_is_kept() -> None:
    with ThreadPoolExecutor(max_workers=2) as pool:
        good, bad = pool.submit(int, "1"), pool.submit(int, "one")
        assert isinstance(bad.exception(), ValueError)
        assert good.result() == 1
