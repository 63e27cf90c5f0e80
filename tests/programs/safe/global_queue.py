"""The queue and the lock live at module level, older than any test, and serve all interleavings."""

import queue
import threading

import pytest

inbox: queue.Queue[str] = queue.Queue()
lock = threading.Lock()
handled: list[str] = []


@pytest.fixture(autouse=True)
def nothing_handled() -> None:
    handled.clear()


def handle() -> None:
    message = inbox.get()
    with lock:
        handled.append(message)


@pytest.mark.race
def test_messages() -> None:
    threads = [
        threading.Thread(target=target) for target in (handle, lambda: inbox.put("a"), handle, lambda: inbox.put("b"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(handled) == ["a", "b"]
    assert inbox.empty()
