"""The producer goes on changing the list after it has handed it over: the consumer sees a half-made order."""

import queue
import threading

import pytest


@pytest.mark.race
def test_order_is_complete() -> None:
    orders: queue.Queue[list[str]] = queue.Queue()
    seen: list[int] = []

    def producer() -> None:
        order = ["tea"]
        orders.put(order)
        order.append("cake")

    def consumer() -> None:
        seen.append(len(orders.get()))

    threads = [threading.Thread(target=target) for target in (producer, consumer)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [2]
