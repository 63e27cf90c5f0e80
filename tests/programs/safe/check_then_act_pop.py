"""No look ahead: the job is taken in one operation, and an empty list is an answer like any other."""

import threading

import pytest


class Jobs:
    def __init__(self) -> None:
        self.waiting = ["only job"]

    def take(self) -> str | None:
        try:
            return self.waiting.pop()
        except IndexError:
            return None


@pytest.mark.race
def test_two_workers_one_job() -> None:
    jobs = Jobs()
    taken: list[str | None] = []

    def worker() -> None:
        taken.append(jobs.take())

    threads = [threading.Thread(target=target) for target in (worker, worker)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken, key=str) == [None, "only job"]
