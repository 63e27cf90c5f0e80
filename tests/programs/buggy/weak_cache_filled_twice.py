"""Two threads find nothing in the weak dictionary, and each makes an object of its own."""

import threading
import weakref

import pytest


class Connection:
    pass


@pytest.mark.race
def test_one_connection() -> None:
    cache: weakref.WeakValueDictionary[str, Connection] = weakref.WeakValueDictionary()
    made: list[Connection] = []

    def connect() -> None:
        connection = cache.get("db")
        if connection is None:
            connection = Connection()
            made.append(connection)
            cache["db"] = connection

    threads = [threading.Thread(target=connect) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(made) == 1
