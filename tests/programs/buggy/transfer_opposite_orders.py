"""A transfer locks the giver, then the taker: two transfers in opposite directions lock each other out."""

import threading

import pytest

VERDICT = "deadlock"


class Account:
    def __init__(self, balance: int) -> None:
        self.lock = threading.Lock()
        self.balance = balance

    def transfer(self, to: "Account", amount: int) -> None:
        with self.lock, to.lock:
            self.balance -= amount
            to.balance += amount


@pytest.mark.race
def test_there_and_back() -> None:
    ann, bob = Account(100), Account(100)
    threads = [
        threading.Thread(target=target) for target in (lambda: ann.transfer(bob, 30), lambda: bob.transfer(ann, 20))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (ann.balance, bob.balance) == (90, 110)
