"""Peterson's algorithm: flags, a turn, and a loop that spins until the way is free. No lock at all."""

import threading

import pytest


class Gate:
    def __init__(self) -> None:
        self.wants = [False, False]
        self.turn = 0
        self.count = 0

    def work(self, me: int) -> None:
        other = 1 - me
        self.wants[me] = True
        self.turn = other
        while self.wants[other] and self.turn == other:
            pass
        self.count += 1
        self.wants[me] = False


@pytest.mark.race
def test_one_at_a_time() -> None:
    gate = Gate()
    threads = [threading.Thread(target=target) for target in (lambda: gate.work(0), lambda: gate.work(1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert gate.count == 2
