"""The waiter polls until the value is there or its time is up; the worker needs far less than that."""

import threading
import time

import pytest


class Task:
    def __init__(self) -> None:
        self.done = False

    def work(self) -> None:
        time.sleep(0.01)
        self.done = True

    def wait(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.done:
                return True
            time.sleep(0.005)
        return False


@pytest.mark.race
def test_in_time() -> None:
    task = Task()
    in_time: list[bool] = []
    threads = [threading.Thread(target=target) for target in (lambda: in_time.append(task.wait(5.0)), task.work)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert in_time == [True]
