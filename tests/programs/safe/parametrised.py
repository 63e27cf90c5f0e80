"""The same locked counter with two and with three threads."""

import threading

import pytest


@pytest.mark.race
@pytest.mark.parametrize("workers", [2, 3])
def test_all_are_counted(workers: int) -> None:
    lock = threading.Lock()
    counts = {"done": 0}

    def work() -> None:
        with lock:
            counts["done"] += 1

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == {"done": workers}
