"""Both accounts are checked and drawn on under the customer's one lock."""

import threading

import pytest


class Customer:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.savings = 60
        self.current = 60

    def draw_savings(self, amount: int) -> None:
        with self.lock:
            if self.savings + self.current >= amount:
                self.savings -= amount

    def draw_current(self, amount: int) -> None:
        with self.lock:
            if self.savings + self.current >= amount:
                self.current -= amount


@pytest.mark.race
def test_sum_stays_positive() -> None:
    customer = Customer()
    threads = [
        threading.Thread(target=target)
        for target in (lambda: customer.draw_savings(100), lambda: customer.draw_current(100))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert customer.savings + customer.current >= 0
