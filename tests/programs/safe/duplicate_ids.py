"""`next()` on an `itertools.count` is one operation in C: every caller gets an id of its own."""

import itertools
import threading

import pytest


@pytest.mark.race
def test_ids_are_unique() -> None:
    ids = itertools.count(1)
    issued: list[int] = []

    def client() -> None:
        issued.append(next(ids))
        issued.append(next(ids))

    threads = [threading.Thread(target=target) for target in (client, client)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(issued) == [1, 2, 3, 4]
