"""Programs that several sessions run."""

from __future__ import annotations

#: A planted race and its correct twin, which most sessions here are about.
RACE = """
    import pytest, threading

    class Account:
        def __init__(self):
            self.balance = 100
            self.lock = threading.Lock()

        def withdraw(self, amount):
            if self.balance >= amount:
                self.balance -= amount

        def withdraw_locked(self, amount):
            with self.lock:
                self.withdraw(amount)

    @pytest.mark.race(interleavings=50)
    def test_bad(racecheck):
        account = Account()
        racecheck.run(lambda: account.withdraw(80), lambda: account.withdraw(70))
        assert account.balance >= 0

    @pytest.mark.race(interleavings=50)
    def test_good(racecheck):
        account = Account()
        racecheck.run(lambda: account.withdraw_locked(80), lambda: account.withdraw_locked(70))
        assert account.balance >= 0

    def test_plain(): pass
"""
