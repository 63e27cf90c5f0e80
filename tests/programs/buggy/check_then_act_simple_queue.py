"""Two consumers see that the queue is not empty, one item is there: the second `get()` waits for ever."""

import queue
import threading

import pytest

VERDICT = "deadlock"


@pytest.mark.race
def test_drain() -> None:
    items: queue.SimpleQueue[int] = queue.SimpleQueue()
    items.put(1)
    taken: list[int] = []

    def consumer() -> None:
        if not items.empty():
            taken.append(items.get())

    threads = [threading.Thread(target=consumer) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken == [1]
