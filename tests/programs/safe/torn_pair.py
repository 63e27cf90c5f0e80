"""The pair is one tuple, replaced in one write and read in one read."""

import threading

import pytest


class Point:
    def __init__(self) -> None:
        self.position = (0, 0)

    def move(self, to: int) -> None:
        self.position = (to, to)

    def read(self) -> tuple[int, int]:
        return self.position


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
