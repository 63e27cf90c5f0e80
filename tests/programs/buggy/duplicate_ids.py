"""Handing out an id and moving the counter are two steps: two callers can get the same id."""

import threading

import pytest


class Ids:
    def __init__(self) -> None:
        self.next_id = 1

    def new(self) -> int:
        new = self.next_id
        self.next_id = new + 1
        return new


@pytest.mark.race
def test_ids_are_unique() -> None:
    ids = Ids()
    issued: list[int] = []

    def client() -> None:
        issued.append(ids.new())

    threads = [threading.Thread(target=target) for target in (client, client)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(issued)) == 2
