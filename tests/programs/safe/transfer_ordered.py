"""A transfer locks the account with the smaller number first, whatever its direction."""

import threading

import pytest


class Account:
    def __init__(self, number: int, balance: int) -> None:
        self.number = number
        self.lock = threading.Lock()
        self.balance = balance

    def transfer(self, to: "Account", amount: int) -> None:
        first, second = sorted((self, to), key=lambda account: account.number)
        with first.lock, second.lock:
            self.balance -= amount
            to.balance += amount


@pytest.mark.race
def test_there_and_back() -> None:
    ann, bob = Account(1, 100), Account(2, 100)
    threads = [
        threading.Thread(target=target) for target in (lambda: ann.transfer(bob, 30), lambda: bob.transfer(ann, 20))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (ann.balance, bob.balance) == (90, 110)
