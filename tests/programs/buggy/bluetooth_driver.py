"""A request checks that the driver is not stopping before it counts itself: the driver may stop in between."""

import threading

import pytest


class Driver:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.pending = 1
        self.stopping = False
        self.idle = threading.Event()
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
            if self.pending == 0:
                self.idle.set()

    def request(self) -> None:
        if self.begin():
            assert not self.stopped
            self.end()

    def stop(self) -> None:
        self.stopping = True
        self.end()
        self.idle.wait()
        self.stopped = True


@pytest.mark.race
def test_request_while_stopping() -> None:
    driver = Driver()
    threads = [threading.Thread(target=target) for target in (driver.request, driver.stop)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert driver.stopped
