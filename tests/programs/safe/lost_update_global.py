"""The module-level counter has a module-level lock, which lives as long as the module and serves all interleavings."""

import threading

import pytest

lock = threading.Lock()
hits = 0


@pytest.fixture(autouse=True)
def no_hits() -> None:
    global hits
    hits = 0


def hit() -> None:
    global hits
    with lock:
        hits += 1


@pytest.mark.race
def test_hits_are_counted() -> None:
    threads = [threading.Thread(target=target) for target in (hit, hit)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert hits == 2
