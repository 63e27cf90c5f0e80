"""`setup_method` and `teardown_method` of a plain test class frame every interleaving."""

import threading

import pytest


class TestLedger:
    def setup_method(self) -> None:
        self.lock = threading.Lock()
        self.entries: list[int] = []

    def teardown_method(self) -> None:
        assert len(self.entries) == 2

    def book(self, amount: int) -> None:
        with self.lock:
            self.entries.append(amount)

    @pytest.mark.race
    def test_two_bookings(self) -> None:
        assert self.entries == []
        threads = [threading.Thread(target=target) for target in (lambda: self.book(1), lambda: self.book(2))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(self.entries) == 3
