"""The stack is not empty when looked at, but may be when the item is taken: `IndexError` in the slower thread."""

import threading

import pytest


class Jobs:
    def __init__(self) -> None:
        self.waiting = ["only job"]

    def take(self) -> str | None:
        if self.waiting:
            return self.waiting.pop()
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
