"""The main thread polls `is_alive()` instead of joining."""

import threading
import time

import pytest


@pytest.mark.race
def test_worker_ends() -> None:
    done: list[int] = []
    worker = threading.Thread(target=lambda: done.append(1))
    worker.start()
    while worker.is_alive():
        time.sleep(0.001)
    assert done == [1]
