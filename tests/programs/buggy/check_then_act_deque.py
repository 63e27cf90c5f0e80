"""`len(deque)` and `popleft()` are atomic each, but not together: the second `popleft()` may find nothing."""

import collections
import threading

import pytest


@pytest.mark.race
def test_two_readers_one_line() -> None:
    lines = collections.deque(["only line"])
    seen: list[str] = []

    def reader() -> None:
        while len(lines) > 0:
            seen.append(lines.popleft())

    threads = [threading.Thread(target=target) for target in (reader, reader)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == ["only line"]
