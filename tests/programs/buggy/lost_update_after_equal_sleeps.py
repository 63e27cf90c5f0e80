"""Both threads sleep for the same time and wake up together: what they do then is as concurrent as ever."""

import threading
import time

import pytest


class Meter:
    def __init__(self) -> None:
        self.readings = 0

    def read(self) -> None:
        time.sleep(0.01)
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
