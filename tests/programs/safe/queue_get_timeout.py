"""Nothing comes: `get(timeout=)` raises `Empty` after its time, and the consumer goes home."""

import queue
import threading

import pytest


@pytest.mark.race
def test_nothing_comes() -> None:
    items: queue.Queue[int] = queue.Queue()
    gone: list[str] = []

    def consumer() -> None:
        try:
            items.get(timeout=0.02)
        except queue.Empty:
            gone.append("home")

    threads = [threading.Thread(target=target) for target in (consumer, consumer)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert gone == ["home", "home"]
