"""The pool looks at its size first and adds a connection later: it can grow past its limit."""

import threading

import pytest


class Pool:
    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.connections: list[str] = []

    def connect(self, name: str) -> None:
        if len(self.connections) < self.limit:
            self.connections.append(name)


@pytest.mark.race
def test_limit_is_kept() -> None:
    pool = Pool(limit=1)
    threads = [threading.Thread(target=target) for target in (lambda: pool.connect("a"), lambda: pool.connect("b"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pool.connections) == 1
