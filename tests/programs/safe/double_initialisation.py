"""The flag is checked, and the service set up, under one lock."""

import threading

import pytest


class Service:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.ready = False
        self.set_ups = 0

    def ensure_ready(self) -> None:
        with self.lock:
            if not self.ready:
                self.set_ups += 1
                self.ready = True


@pytest.mark.race
def test_set_up_once() -> None:
    service = Service()
    threads = [threading.Thread(target=service.ensure_ready) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert service.set_ups == 1
