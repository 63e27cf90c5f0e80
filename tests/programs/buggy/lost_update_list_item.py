"""`buckets[0] += 1` reads the item and stores it again: a vote in between is lost."""

import threading

import pytest


@pytest.mark.race
def test_two_votes() -> None:
    buckets = [0, 0, 0]

    def vote() -> None:
        buckets[1] += 1

    threads = [threading.Thread(target=target) for target in (vote, vote)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert buckets == [0, 2, 0]
