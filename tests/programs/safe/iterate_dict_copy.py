"""`dict.copy()` is one operation in C: the copy is of one moment, and nobody else can change it."""

import threading

import pytest


@pytest.mark.race
def test_total_while_adding() -> None:
    values = {"a": 1, "b": 2}
    totals: list[int] = []

    def total() -> None:
        snapshot = values.copy()
        totals.append(sum(snapshot[name] for name in snapshot))

    def add() -> None:
        values["c"] = 3
        values["d"] = 4

    threads = [threading.Thread(target=target) for target in (total, add)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert totals[0] in (3, 6, 10)
