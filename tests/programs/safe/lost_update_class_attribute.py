"""The counter of the class is guarded by a lock of the class."""

import threading

import pytest


class Connection:
    lock = threading.Lock()
    opened = 0

    def open(self) -> None:
        with Connection.lock:
            Connection.opened += 1


@pytest.mark.race
def test_every_connection_is_counted() -> None:
    Connection.opened = 0
    threads = [threading.Thread(target=target) for target in (Connection().open, Connection().open)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Connection.opened == 2
