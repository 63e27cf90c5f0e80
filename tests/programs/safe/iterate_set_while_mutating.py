"""`set.copy()` is one operation in C; the walk is over the copy."""

import threading

import pytest


@pytest.mark.race
def test_walk_while_joining() -> None:
    members = {1, 2, 3}
    walked: list[int] = []

    def walk() -> None:
        for member in members.copy():
            walked.append(member)

    def join() -> None:
        members.add(4)

    threads = [threading.Thread(target=target) for target in (walk, join)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(walked) in ([1, 2, 3], [1, 2, 3, 4])
