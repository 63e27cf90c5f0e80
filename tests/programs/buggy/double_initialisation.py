"""Two threads find the service not ready and both set it up."""

import threading

import pytest


class Service:
    def __init__(self) -> None:
        self.ready = False
        self.set_ups = 0
        self.lock = threading.Lock()

    def set_up(self) -> None:
        with self.lock:
            self.set_ups += 1

    def ensure_ready(self) -> None:
        if not self.ready:
            self.set_up()
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
