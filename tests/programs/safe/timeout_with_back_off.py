"""Opposite orders, but who can't get the second lock in time lets go and tries again after a pause."""

import threading
import time

import pytest


class Locks:
    def __init__(self) -> None:
        self.a = threading.Lock()
        self.b = threading.Lock()
        self.done: list[str] = []

    def work(self, name: str, first: threading.Lock, second: threading.Lock, pause: float) -> None:
        while True:
            with first:
                if second.acquire(timeout=0.01):
                    self.done.append(name)
                    second.release()
                    return
            time.sleep(pause)


@pytest.mark.race
def test_both_get_through() -> None:
    locks = Locks()
    threads = [
        threading.Thread(target=target)
        for target in (
            lambda: locks.work("x", locks.a, locks.b, 0.001),
            lambda: locks.work("y", locks.b, locks.a, 0.05),
        )
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(locks.done) == ["x", "y"]
