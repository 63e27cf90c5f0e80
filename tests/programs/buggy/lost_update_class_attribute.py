"""All instances count on the class itself, with a `+=` that no lock covers: an instance goes uncounted."""

import threading

import pytest


class Connection:
    opened = 0

    def open(self) -> None:
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
