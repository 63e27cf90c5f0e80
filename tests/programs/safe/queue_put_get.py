"""A bounded `queue.Queue` between two producers and two consumers: every item arrives once."""

import queue
import threading

import pytest


@pytest.mark.race
def test_every_item_once() -> None:
    items: queue.Queue[int] = queue.Queue(maxsize=1)
    received: list[int] = []

    def producer(item: int) -> None:
        items.put(item)

    def consumer() -> None:
        received.append(items.get())

    threads = [
        threading.Thread(target=target) for target in (consumer, lambda: producer(1), consumer, lambda: producer(2))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(received) == [1, 2]
