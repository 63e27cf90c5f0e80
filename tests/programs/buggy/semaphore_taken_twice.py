"""Each thread needs both permits and takes them one by one: with one each, both wait for ever."""

import threading

import pytest

VERDICT = "deadlock"


@pytest.mark.race
def test_two_permits_each() -> None:
    permits = threading.Semaphore(2)
    done: list[bool] = []

    def work() -> None:
        with permits, permits:
            done.append(True)

    threads = [threading.Thread(target=target) for target in (work, work)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [True, True]
