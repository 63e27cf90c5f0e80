"""Both ends of a `deque` are worked on at once: every item comes out once."""

import collections
import threading

import pytest


@pytest.mark.race
def test_both_ends() -> None:
    line = collections.deque([2, 3])
    taken: list[int] = []

    def left() -> None:
        line.appendleft(1)
        taken.append(line.popleft())

    def right() -> None:
        line.append(4)
        taken.append(line.pop())

    threads = [threading.Thread(target=target) for target in (left, right)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted([*taken, *line]) == [1, 2, 3, 4]
