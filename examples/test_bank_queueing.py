"""Four customers, one after the other: 80 and 20 are paid out, 70 and 50 refused. Passes."""

import threading

import pytest

from pytest_racecheck.tutorial.bank import AMOUNTS, Bank


@pytest.mark.race
def test_customers_queueing(bank: Bank) -> None:
    paid = []

    def customer(amount: int) -> None:
        paid.append(bank.withdraw(amount))

    for amount in AMOUNTS:
        thread = threading.Thread(target=customer, args=(amount,), name=f"customer-{amount}")
        thread.start()
        thread.join()

    assert paid == [True, False, False, True]
    assert bank.balance == 0
