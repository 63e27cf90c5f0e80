"""The auditor's formula has a wrong sign, which shows when both bookings are made before the audit."""

import threading

import pytest


class Account:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.balance = 100
        self.deposited = False
        self.withdrawn = False

    def deposit(self) -> None:
        with self.lock:
            self.balance += 20
            self.deposited = True

    def withdraw(self) -> None:
        with self.lock:
            self.balance -= 30
            self.withdrawn = True

    def audit(self) -> None:
        with self.lock:
            if self.deposited and self.withdrawn:
                assert self.balance == 100 - 20 - 30


@pytest.mark.race
def test_audit() -> None:
    account = Account()
    threads = [threading.Thread(target=target) for target in (account.audit, account.deposit, account.withdraw)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert account.balance == 90
