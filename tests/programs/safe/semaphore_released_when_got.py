"""The permit is given back only by who got it."""

import threading

import pytest


class Door:
    def __init__(self) -> None:
        self.key = threading.BoundedSemaphore(1)
        self.inside: list[str] = []

    def try_enter(self, name: str) -> None:
        if self.key.acquire(blocking=False):
            try:
                self.inside.append(name)
            finally:
                self.key.release()


@pytest.mark.race
def test_two_visitors() -> None:
    door = Door()
    threads = [threading.Thread(target=target) for target in (lambda: door.try_enter("a"), lambda: door.try_enter("b"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(door.inside) in (["a"], ["b"], ["a", "b"])
