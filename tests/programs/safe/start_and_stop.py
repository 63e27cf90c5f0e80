"""`stop()` always leaves the sentinel, which waits in the queue for a worker that starts late."""

import queue
import threading

import pytest


class Worker:
    def __init__(self) -> None:
        self.jobs: queue.Queue[str | None] = queue.Queue()
        self.done: list[str] = []
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        while (job := self.jobs.get()) is not None:
            self.done.append(job)

    def stop(self) -> None:
        self.jobs.put(None)


@pytest.mark.race
def test_start_and_stop() -> None:
    worker = Worker()
    worker.jobs.put("sweep")
    stopper = threading.Thread(target=worker.stop)
    worker.thread.start()
    stopper.start()
    worker.thread.join()
    stopper.join()
    assert worker.done == ["sweep"]
