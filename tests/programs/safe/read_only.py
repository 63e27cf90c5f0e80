"""Any number of threads may read what nobody writes any more."""

import threading

import pytest


@pytest.mark.race
def test_readers_only() -> None:
    table = {"a": 1, "b": 2}
    names = ("a", "b")
    sums: list[int] = []

    def read() -> None:
        sums.append(sum(table[name] for name in names))

    threads = [threading.Thread(target=target) for target in (read, read, read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sums == [3, 3, 3]
