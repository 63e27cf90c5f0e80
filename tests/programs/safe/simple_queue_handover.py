"""`SimpleQueue` carries the items over, and the order of one producer is kept."""

import queue
import threading

import pytest


@pytest.mark.race
def test_order_is_kept() -> None:
    items: queue.SimpleQueue[int] = queue.SimpleQueue()
    received: list[int] = []

    def producer() -> None:
        for item in range(3):
            items.put(item)

    def consumer() -> None:
        for _ in range(3):
            received.append(items.get())

    threads = [threading.Thread(target=target) for target in (consumer, producer)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert received == [0, 1, 2]
