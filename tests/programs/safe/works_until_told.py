"""A worker that asks in each turn whether it is to stop; who tells it sleeps first."""

import threading
import time

import pytest


class Worker(threading.Thread):
    def __init__(self) -> None:
        super().__init__()
        self.told = threading.Event()
        self.turns = 0

    def is_stopped(self) -> bool:
        return self.told.is_set()

    def run(self) -> None:
        while not self.is_stopped():
            self.turns += 1


@pytest.mark.race(interleavings=8)
def test_it_stops() -> None:
    worker = Worker()
    worker.start()
    time.sleep(1)
    worker.told.set()
    worker.join()
    assert worker.turns > 0
