"""`PriorityQueue` hands out the smallest item first, whoever put it there."""

import queue
import threading

import pytest


@pytest.mark.race
def test_smallest_first() -> None:
    jobs: queue.PriorityQueue[int] = queue.PriorityQueue()
    threads = [
        threading.Thread(target=target) for target in (lambda: jobs.put(3), lambda: jobs.put(1), lambda: jobs.put(2))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [jobs.get() for _ in range(3)] == [1, 2, 3]
