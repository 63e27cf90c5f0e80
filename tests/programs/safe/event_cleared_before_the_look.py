"""A consumer clears the event before it looks: what comes after the look sets the event again."""

import threading

import pytest


@pytest.mark.race
def test_consumer() -> None:
    filled = threading.Event()
    items: list[int] = []

    def consume() -> None:
        while True:
            filled.clear()
            if items:
                break
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
