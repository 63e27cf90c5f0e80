"""Walking and adding take the same lock."""

import threading

import pytest


class Metrics:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.values = {"a": 1, "b": 2}

    def total(self) -> int:
        total = 0
        with self.lock:
            for name in self.values:
                total += self.values[name]
        return total

    def add(self, name: str, value: int) -> None:
        with self.lock:
            self.values[name] = value


@pytest.mark.race
def test_total_while_adding() -> None:
    metrics = Metrics()
    totals: list[int] = []
    threads = [
        threading.Thread(target=target)
        for target in (lambda: totals.append(metrics.total()), lambda: metrics.add("c", 3))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert totals[0] in (3, 6)
