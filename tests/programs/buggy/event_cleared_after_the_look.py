"""A consumer looks, finds nothing, and clears the event after the producer has set it: nobody wakes the consumer up."""

import threading

import pytest

VERDICT = "deadlock"


@pytest.mark.race
def test_consumer() -> None:
    filled = threading.Event()
    items: list[int] = []

    def consume() -> None:
        while not items:
            filled.clear()
            filled.wait()
        items.pop()

    def produce() -> None:
        items.append(1)
        filled.set()

    threads = [threading.Thread(target=consume), threading.Thread(target=produce)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
