"""What each instance's own lock guards is the instance's own counter; the sum is taken when all are done."""

import threading

import pytest


class Worker:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.jobs = 0

    def work(self) -> None:
        with self.lock:
            self.jobs += 1


@pytest.mark.race
def test_jobs_are_counted() -> None:
    first, second = Worker(), Worker()
    threads = [threading.Thread(target=target) for target in (first.work, second.work, second.work)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert first.jobs + second.jobs == 3
