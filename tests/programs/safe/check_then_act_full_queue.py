"""`put_nowait()` itself tells whether there was room; `full()` is not asked."""

import queue
import threading

import pytest


@pytest.mark.race
def test_surplus_is_dropped() -> None:
    box: queue.Queue[str] = queue.Queue(maxsize=1)
    dropped: list[str] = []

    def offer(letter: str) -> None:
        try:
            box.put_nowait(letter)
        except queue.Full:
            dropped.append(letter)

    threads = [threading.Thread(target=target) for target in (lambda: offer("a"), lambda: offer("b"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted([box.get(), *dropped]) == ["a", "b"]
