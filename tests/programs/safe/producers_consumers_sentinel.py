"""Two consumers work until they meet a sentinel, of which there is one for each of them, put when all is produced."""

import queue
import threading

import pytest


@pytest.mark.race
def test_all_is_consumed() -> None:
    items: queue.Queue[int | None] = queue.Queue()
    consumed: list[int] = []

    def producer(first: int) -> None:
        items.put(first)
        items.put(first + 1)

    def consumer() -> None:
        while (item := items.get()) is not None:
            consumed.append(item)

    consumers = [threading.Thread(target=consumer) for _ in range(2)]
    producers = [threading.Thread(target=producer, args=(first,)) for first in (1, 11)]
    for thread in consumers + producers:
        thread.start()
    for thread in producers:
        thread.join()
    for _ in consumers:
        items.put(None)
    for thread in consumers:
        thread.join()
    assert sorted(consumed) == [1, 2, 11, 12]
