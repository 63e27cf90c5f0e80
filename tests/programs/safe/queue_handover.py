"""The producer keeps its hands off the list once it is in the queue."""

import queue
import threading

import pytest


@pytest.mark.race
def test_order_is_complete() -> None:
    orders: queue.Queue[list[str]] = queue.Queue()
    seen: list[int] = []

    def producer() -> None:
        order = ["tea"]
        order.append("cake")
        orders.put(order)

    def consumer() -> None:
        seen.append(len(orders.get()))

    threads = [threading.Thread(target=target) for target in (producer, consumer)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [2]
