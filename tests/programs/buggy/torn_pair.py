"""The reader reads two values that belong together without the lock that the writer holds for both."""

import threading

import pytest


class Point:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.x = 0
        self.y = 0

    def move(self, to: int) -> None:
        with self.lock:
            self.x = to
            self.y = to

    def read(self) -> tuple[int, int]:
        return self.x, self.y


@pytest.mark.race
def test_diagonal() -> None:
    point = Point()
    seen: list[tuple[int, int]] = []
    threads = [threading.Thread(target=target) for target in (lambda: point.move(7), lambda: seen.append(point.read()))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen[0] in ((0, 0), (7, 7))
