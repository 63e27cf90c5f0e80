"""The waiter is woken before the flag is up: it may look, find nothing changed, and wait for a second call."""

import threading

import pytest

VERDICT = "deadlock"


class Gate:
    def __init__(self) -> None:
        self.condition = threading.Condition()
        self.is_open = False

    def open(self) -> None:
        with self.condition:
            self.condition.notify_all()
        self.is_open = True

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
