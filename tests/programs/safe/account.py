"""The auditor's formula holds in every order."""

import threading

import pytest


class Account:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.balance = 100
        self.expected = 100

    def book(self, amount: int) -> None:
        with self.lock:
            self.balance += amount
            self.expected += amount

    def audit(self) -> None:
        with self.lock:
            assert self.balance == self.expected


@pytest.mark.race
def test_audit() -> None:
    account = Account()
    threads = [
        threading.Thread(target=target)
        for target in (account.audit, lambda: account.book(20), lambda: account.book(-30))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert account.balance == 90
