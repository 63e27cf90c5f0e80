"""One party is missing: the barrier breaks for the one that waits, which is what it expects."""

import threading

import pytest


@pytest.mark.race
def test_nobody_comes() -> None:
    barrier = threading.Barrier(3)
    broken: list[bool] = []

    def waiter() -> None:
        try:
            barrier.wait(timeout=0.02)
        except threading.BrokenBarrierError:
            broken.append(True)

    threads = [threading.Thread(target=target) for target in (waiter, waiter)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert broken == [True, True]
