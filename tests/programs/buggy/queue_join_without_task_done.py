"""The worker stops without `task_done()` once the shop closes; whoever joins the queue waits for ever."""

import queue
import threading

import pytest

VERDICT = "deadlock"


@pytest.mark.race
def test_all_orders_are_done() -> None:
    orders: queue.Queue[str] = queue.Queue()
    closing = threading.Event()
    served: list[str] = []

    def customer() -> None:
        orders.put("tea")

    def worker() -> None:
        order = orders.get()
        if closing.is_set():
            return
        served.append(order)
        orders.task_done()

    threads = [threading.Thread(target=target) for target in (customer, worker, closing.set)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    orders.join()
    assert served == ["tea"]
