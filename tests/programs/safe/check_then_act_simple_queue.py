"""`get_nowait()` takes the item or raises `Empty`: nobody waits for what another consumer took."""

import queue
import threading

import pytest


@pytest.mark.race
def test_drain() -> None:
    items: queue.SimpleQueue[int] = queue.SimpleQueue()
    items.put(1)
    taken: list[int] = []

    def consumer() -> None:
        try:
            taken.append(items.get_nowait())
        except queue.Empty:
            pass

    threads = [threading.Thread(target=target) for target in (consumer, consumer)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken == [1]
