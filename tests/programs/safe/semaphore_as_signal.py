"""A semaphore that starts at zero carries the order from one thread to the next."""

import threading

import pytest


@pytest.mark.race
def test_order() -> None:
    ready = threading.Semaphore(0)
    steps: list[str] = []

    def first() -> None:
        steps.append("first")
        ready.release()

    def second() -> None:
        ready.acquire()
        steps.append("second")

    threads = [threading.Thread(target=target) for target in (second, first)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert steps == ["first", "second"]
