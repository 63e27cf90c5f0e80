"""The barrier's action runs in one of the threads, while all of them are held."""

import threading

import pytest


@pytest.mark.race
def test_rounds_are_counted() -> None:
    rounds = 0

    def count() -> None:
        nonlocal rounds
        rounds += 1

    barrier = threading.Barrier(3, action=count)

    def run() -> None:
        barrier.wait()
        barrier.wait()

    threads = [threading.Thread(target=target) for target in (run, run, run)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rounds == 2
