"""The flag is checked without the lock: raised and notified between check and `wait()`, it is never heard of again."""

import threading

import pytest

VERDICT = "deadlock"


class Gate:
    def __init__(self) -> None:
        self.condition = threading.Condition()
        self.is_open = False

    def open(self) -> None:
        self.is_open = True
        with self.condition:
            self.condition.notify_all()

    def pass_through(self) -> None:
        if not self.is_open:
            with self.condition:
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
