"""Three threads share two permits; the count of those inside never exceeds them."""

import threading

import pytest


@pytest.mark.race
def test_never_more_than_two() -> None:
    permits = threading.BoundedSemaphore(2)
    lock = threading.Lock()
    inside = 0
    most = 0

    def work() -> None:
        nonlocal inside, most
        with permits:
            with lock:
                inside += 1
                most = max(most, inside)
            with lock:
                inside -= 1

    threads = [threading.Thread(target=target) for target in (work, work, work)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert inside == 0
    assert most in (1, 2)
