"""The smallest program with a race: by it racecheck finds out whether it can see anything."""

from __future__ import annotations

import threading


class Counter:
    """Counts."""

    def __init__(self) -> None:
        self.value = 0

    def increment(self) -> None:
        """Reads, then writes: another thread may do so in between."""
        value = self.value
        self.value = value + 1


def lost_update() -> None:
    """Two threads increment one counter; AssertionError when one of the two increments is lost."""
    counter = Counter()
    threads = [threading.Thread(target=counter.increment) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if counter.value != len(threads):
        raise AssertionError(f"{counter.value} != {len(threads)}")
