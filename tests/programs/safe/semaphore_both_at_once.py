"""A thread takes its two permits in one critical section: nobody is left with one."""

import threading

import pytest


@pytest.mark.race
def test_two_permits_each() -> None:
    taking = threading.Lock()
    permits = threading.Semaphore(2)
    done: list[bool] = []

    def work() -> None:
        with taking:
            permits.acquire()
            permits.acquire()
        done.append(True)
        permits.release(2)

    threads = [threading.Thread(target=target) for target in (work, work)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [True, True]
