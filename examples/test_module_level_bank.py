"""The same bank as most people write it first: one global, two functions. FAILS, and that is its point."""

import threading
import time

import pytest

balance = 100


@pytest.fixture(autouse=True)
def fresh_balance() -> None:
    """A module outlives an interleaving, so what the test changes in it has to be put back before the next one."""
    global balance
    balance = 100


def withdraw(amount: int) -> None:
    global balance
    if balance >= amount:
        time.sleep(1)
        print(f"Getting {amount} for you")
        balance -= amount
        print(f"Done: {balance} left")
    else:
        print(f"Error: {amount} wanted, {balance} left")


def all_at_once(*amounts: int) -> None:
    customers = [threading.Thread(target=withdraw, args=(amount,), name=f"customer-{amount}") for amount in amounts]
    for customer in customers:
        customer.start()
    for customer in customers:
        customer.join()


@pytest.mark.race
def test_module_level_bank() -> None:
    all_at_once(80, 70, 50, 20)
    assert balance >= 0
