"""`task_done()` stands in `finally`: every order counts as done, served or not."""

import queue
import threading

import pytest


@pytest.mark.race
def test_all_orders_are_done() -> None:
    orders: queue.Queue[str] = queue.Queue()
    closing = threading.Event()
    served: list[str] = []

    def customer() -> None:
        orders.put("tea")

    def worker() -> None:
        order = orders.get()
        try:
            if not closing.is_set():
                served.append(order)
        finally:
            orders.task_done()

    threads = [threading.Thread(target=target) for target in (customer, worker, closing.set)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    orders.join()
    assert served in ([], ["tea"])
