"""Four customers at once: all may pass the check before the first one subtracts. FAILS, and that is its point."""

import threading

import pytest

from pytest_racecheck.tutorial.bank import AMOUNTS, Bank


@pytest.mark.race
def test_customers_at_once(bank: Bank) -> None:
    customers = [
        threading.Thread(target=bank.withdraw, args=(amount,), name=f"customer-{amount}") for amount in AMOUNTS
    ]
    for customer in customers:
        customer.start()
    for customer in customers:
        customer.join()

    assert bank.balance >= 0
