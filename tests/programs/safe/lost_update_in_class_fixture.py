"""A test class with its state and its lock in a fixture."""

import threading

import pytest


class TestWorkers:
    @pytest.fixture(autouse=True)
    def no_jobs(self) -> None:
        self.lock = threading.Lock()
        self.finished = 0

    def work(self) -> None:
        with self.lock:
            self.finished += 1

    @pytest.mark.race
    def test_all_jobs_are_counted(self) -> None:
        threads = [threading.Thread(target=self.work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert self.finished == 2
