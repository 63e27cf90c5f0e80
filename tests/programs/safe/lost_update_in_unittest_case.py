"""A `unittest.TestCase` whose `setUp` makes a locked account."""

import threading
import unittest

import pytest


class Account:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.balance = 0

    def deposit(self, amount: int) -> None:
        with self.lock:
            balance = self.balance
            self.balance = balance + amount


class TestAccount(unittest.TestCase):
    def setUp(self) -> None:
        self.account = Account()
        self.addCleanup(self.check_lock)

    def check_lock(self) -> None:
        assert not self.account.lock.locked()

    @pytest.mark.race
    def test_two_deposits(self) -> None:
        threads = [threading.Thread(target=(lambda: self.account.deposit(5))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert self.account.balance == 10
