"""`stop()` only tells the worker to end if it finds it running; one that has not come that far yet runs for ever."""

import queue
import threading

import pytest

VERDICT = "deadlock"


class Worker:
    def __init__(self) -> None:
        self.jobs: queue.Queue[str | None] = queue.Queue()
        self.running = False
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self) -> None:
        self.running = True
        while self.jobs.get() is not None:
            pass

    def stop(self) -> None:
        if self.running:
            self.jobs.put(None)


@pytest.mark.race
def test_start_and_stop() -> None:
    worker = Worker()
    stopper = threading.Thread(target=worker.stop)
    worker.thread.start()
    stopper.start()
    worker.thread.join()
    stopper.join()
    assert worker.running
