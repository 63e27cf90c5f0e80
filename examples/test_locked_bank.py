"""Four customers at once, behind a lock that is held from the check to the subtraction. Passes."""

import threading

import pytest

from pytest_racecheck.tutorial.bank import AMOUNTS, LockedBank


@pytest.mark.race
def test_locked_bank(locked_bank: LockedBank) -> None:
    customers = [
        threading.Thread(target=locked_bank.withdraw, args=(amount,), name=f"customer-{amount}") for amount in AMOUNTS
    ]
    for customer in customers:
        customer.start()
    for customer in customers:
        customer.join()

    assert locked_bank.balance in (0, 10, 30)
