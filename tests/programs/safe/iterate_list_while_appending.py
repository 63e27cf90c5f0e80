"""A list may grow under a loop: the loop sees each item that was there, and the new one or not."""

import threading

import pytest


@pytest.mark.race
def test_walk_while_appending() -> None:
    items = [1, 2]
    walked: list[int] = []

    def walk() -> None:
        for item in items:
            walked.append(item)

    def extend() -> None:
        items.append(3)

    threads = [threading.Thread(target=target) for target in (walk, extend)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert walked in ([1, 2], [1, 2, 3])
