"""A daemon worker waits for jobs for ever: the test may end without it."""

import queue
import threading

import pytest


@pytest.mark.race
def test_job_is_done() -> None:
    jobs: queue.Queue[int] = queue.Queue()
    done: list[int] = []

    def worker() -> None:
        while True:
            done.append(jobs.get() * 2)
            jobs.task_done()

    threading.Thread(target=worker, daemon=True).start()
    jobs.put(21)
    jobs.join()
    assert done == [42]
