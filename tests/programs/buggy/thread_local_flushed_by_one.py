"""Each thread counts in a thread-local and adds it to the total in the end, with an unguarded `+=`."""

import threading

import pytest


class Statistics:
    def __init__(self) -> None:
        self.local = threading.local()
        self.total = 0

    def count(self, events: int) -> None:
        self.local.events = 0
        for _ in range(events):
            self.local.events += 1
        self.total += self.local.events


@pytest.mark.race
def test_events_of_all_threads() -> None:
    statistics = Statistics()
    threads = [threading.Thread(target=target) for target in (lambda: statistics.count(2), lambda: statistics.count(3))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statistics.total == 5
