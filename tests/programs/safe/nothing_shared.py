"""Two threads that share nothing."""

import threading

import pytest


@pytest.mark.race
def test_own_objects() -> None:
    def work() -> None:
        total = 0
        numbers = [1, 2, 3]
        for number in numbers:
            total += number
        assert total == 6

    threads = [threading.Thread(target=target) for target in (work, work)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
