"""`Queue.full()` is out of date as soon as it is known: `put_nowait()` may raise `Full` all the same."""

import queue
import threading

import pytest


@pytest.mark.race
def test_surplus_is_dropped() -> None:
    box: queue.Queue[str] = queue.Queue(maxsize=1)

    def offer() -> None:
        if not box.full():
            box.put_nowait("letter")

    threads = [threading.Thread(target=target) for target in (offer, offer)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert box.qsize() == 1
