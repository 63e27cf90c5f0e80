"""Both threads wake up at the same moment, and then queue for the lock."""

import threading
import time

import pytest


class Meter:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.readings = 0

    def read(self) -> None:
        time.sleep(0.01)
        with self.lock:
            self.readings += 1


@pytest.mark.race
def test_two_readings() -> None:
    meter = Meter()
    threads = [threading.Thread(target=meter.read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert meter.readings == 2
