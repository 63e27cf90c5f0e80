"""Two threads that take two locks in opposite orders: each may hold what the other wants. FAILS, that is its point."""

import threading

import pytest

from pytest_racecheck.tutorial.locks import DeadlockPair


@pytest.mark.race
def test_opposite_orders(deadlock_pair: DeadlockPair) -> None:
    threads = [threading.Thread(target=deadlock_pair.a_then_b), threading.Thread(target=deadlock_pair.b_then_a)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
