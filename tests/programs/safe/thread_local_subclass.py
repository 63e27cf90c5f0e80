"""`__init__` of a subclass of `threading.local` runs once in each thread that uses it."""

import threading

import pytest


class Scratch(threading.local):
    def __init__(self) -> None:
        self.lines: list[str] = []


@pytest.mark.race
def test_own_scratch() -> None:
    scratch = Scratch()
    sizes: list[int] = []

    def work() -> None:
        scratch.lines.append("x")
        scratch.lines.append("y")
        sizes.append(len(scratch.lines))

    threads = [threading.Thread(target=target) for target in (work, work)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sizes == [2, 2]
    assert scratch.lines == []
