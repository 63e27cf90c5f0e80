"""`sort` without a key is one operation; a reader sees the list before or after it."""

import threading

import pytest


@pytest.mark.race
def test_before_or_after() -> None:
    items = [3, 1, 2]
    seen: list[list[int]] = []
    threads = [threading.Thread(target=target) for target in (items.sort, lambda: seen.append(items.copy()))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen[0] in ([3, 1, 2], [1, 2, 3])
