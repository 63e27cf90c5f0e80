"""Each instance locks itself, but the counter belongs to the class: the two locks exclude nobody."""

import threading

import pytest


class Worker:
    jobs = 0

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def work(self) -> None:
        with self.lock:
            Worker.jobs += 1


@pytest.fixture(autouse=True)
def no_jobs() -> None:
    Worker.jobs = 0


@pytest.mark.race
def test_jobs_are_counted() -> None:
    threads = [threading.Thread(target=target) for target in (Worker().work, Worker().work)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Worker.jobs == 2
