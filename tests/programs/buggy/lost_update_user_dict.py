"""A `UserDict` counts no better than a dict does."""

import threading
from collections import UserDict

import pytest


@pytest.mark.race
def test_count() -> None:
    counts: UserDict[str, int] = UserDict(a=0)

    def count() -> None:
        counts["a"] += 1

    threads = [threading.Thread(target=count) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts["a"] == 2
