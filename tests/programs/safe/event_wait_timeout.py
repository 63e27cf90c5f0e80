"""Waiting for an event with a limit, again and again, until it is set: a timeout is no failure."""

import threading
import time

import pytest


@pytest.mark.race
def test_patient_waiter() -> None:
    done = threading.Event()
    results: list[int] = []

    def waiter() -> None:
        while not done.wait(timeout=0.005):
            pass
        results.append(1)

    def worker() -> None:
        time.sleep(0.02)
        results.append(0)
        done.set()

    threads = [threading.Thread(target=target) for target in (waiter, worker)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [0, 1]
