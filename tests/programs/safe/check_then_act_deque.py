"""`popleft()` until it raises: each line goes to one reader, and none is missed."""

import collections
import threading

import pytest


@pytest.mark.race
def test_two_readers() -> None:
    lines = collections.deque(["a", "b", "c"])
    seen: list[str] = []

    def reader() -> None:
        while True:
            try:
                seen.append(lines.popleft())
            except IndexError:
                return

    threads = [threading.Thread(target=target) for target in (reader, reader)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == ["a", "b", "c"]
