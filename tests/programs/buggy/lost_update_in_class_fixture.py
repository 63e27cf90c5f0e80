"""A test class with its state in a fixture: two workers, one unguarded counter."""

import threading

import pytest


class TestWorkers:
    @pytest.fixture(autouse=True)
    def no_jobs(self) -> None:
        self.finished = 0

    def work(self) -> None:
        self.finished += 1

    @pytest.mark.race
    def test_all_jobs_are_counted(self) -> None:
        threads = [threading.Thread(target=self.work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert self.finished == 2
