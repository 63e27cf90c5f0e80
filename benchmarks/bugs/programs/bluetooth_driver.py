"""A request finds the driver running, but is counted only after the driver has seen nobody and stopped."""

import threading

import pytest


class Driver:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.pending = 1
        self.stopping = False
        self.idle = False
        self.stopped = False

    def begin(self) -> bool:
        if self.stopping:
            return False
        with self.lock:
            self.pending += 1
        return True

    def end(self) -> None:
        with self.lock:
            self.pending -= 1
            left = self.pending
        if left == 0:
            self.idle = True

    def add(self) -> None:
        if self.begin():
            assert not self.stopped
        self.end()

    def stop(self) -> None:
        self.stopping = True
        self.end()
        if self.idle:
            self.stopped = True


@pytest.mark.race
def test_add_while_stopping() -> None:
    driver = Driver()
    stopper = threading.Thread(target=driver.stop)
    stopper.start()
    driver.add()
    stopper.join()
