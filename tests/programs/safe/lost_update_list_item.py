"""Each thread votes in a bucket of its own, and the shared one is guarded."""

import threading

import pytest


@pytest.mark.race
def test_votes() -> None:
    lock = threading.Lock()
    buckets = [0, 0, 0]

    def vote(own: int) -> None:
        buckets[own] += 1
        with lock:
            buckets[2] += 1

    threads = [threading.Thread(target=target) for target in (lambda: vote(0), lambda: vote(1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert buckets == [1, 1, 2]
