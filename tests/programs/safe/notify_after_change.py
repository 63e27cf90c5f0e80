"""The flag goes up first; the call comes later, under the lock. A waiter that looks in between finds the gate open."""

import threading

import pytest


class Gate:
    def __init__(self) -> None:
        self.condition = threading.Condition()
        self.is_open = False

    def open(self) -> None:
        self.is_open = True
        with self.condition:
            self.condition.notify_all()

    def pass_through(self) -> None:
        with self.condition:
            while not self.is_open:
                self.condition.wait()


@pytest.mark.race
def test_gate() -> None:
    gate = Gate()
    threads = [threading.Thread(target=target) for target in (gate.pass_through, gate.open)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert gate.is_open
