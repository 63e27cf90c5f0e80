"""Each thread stores its result before the barrier and reads the other's behind it."""

import threading

import pytest


@pytest.mark.race
def test_exchange() -> None:
    barrier = threading.Barrier(2)
    results = [0, 0]
    sums = [0, 0]

    def work(me: int) -> None:
        for round_number in (1, 2):
            results[me] = round_number
            barrier.wait()
            sums[me] += results[1 - me]
            barrier.wait()

    threads = [threading.Thread(target=target) for target in (lambda: work(0), lambda: work(1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sums == [3, 3]
