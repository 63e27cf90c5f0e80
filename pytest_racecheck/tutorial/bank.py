"""A bank account that customers draw on at the same time, without and with a lock."""

from __future__ import annotations

import threading
import time
from typing import Final

#: What the four customers of the tutorial ask for. One after the other: 80 and 20 are paid out, 70 and 50 refused.
AMOUNTS: Final = (80, 70, 50, 20)

#: How long it takes to fetch the money, in seconds.
FETCHING: Final = 1.0


class Bank:
    """An account that checks the balance first and subtracts later, with a second in between for others to do the same.

    ``balance`` is what is left, in whole units of money. Four customers at once can take it to -120.
    """

    def __init__(self, balance: int = 100) -> None:
        self.balance = balance

    def withdraw(self, amount: int) -> bool:
        """Pay out ``amount`` if the balance suffices; returns whether it did."""
        if self.balance < amount:
            print(f"Error: {amount} wanted, {self.balance} left")
            return False
        time.sleep(FETCHING)
        print(f"Getting {amount} for you")
        self.balance -= amount
        print(f"Done: {self.balance} left")
        return True


class LockedBank(Bank):
    """The same account behind one lock, held from the check to the subtraction: never below zero."""

    def __init__(self, balance: int = 100) -> None:
        super().__init__(balance)
        self._lock = threading.Lock()

    def withdraw(self, amount: int) -> bool:
        """Pay out ``amount`` if the balance suffices; returns whether it did."""
        with self._lock:
            return super().withdraw(amount)
