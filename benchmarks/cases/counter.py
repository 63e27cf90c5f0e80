"""The body that all tools run: two threads, a lock, a counter, nothing that fails."""

from __future__ import annotations

import threading


class Counter:
    """A counter behind a lock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.value = 0

    def increment(self) -> None:
        """Add one."""
        with self.lock:
            self.value += 1


def body() -> None:
    """Increment from two threads and look at the result."""
    counter = Counter()
    threads = [threading.Thread(target=counter.increment) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.value == 2
