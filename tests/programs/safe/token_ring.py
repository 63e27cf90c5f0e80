"""An event for each member: the token goes round in one order, whoever is scheduled first."""

import threading

import pytest


class Ring:
    def __init__(self) -> None:
        self.tokens = [1, 2, 3]
        self.passed = [threading.Event() for _ in self.tokens]

    def start(self) -> None:
        self.tokens[0] = (self.tokens[2] + 1) % 4
        self.passed[0].set()

    def pass_on(self, to: int) -> None:
        self.passed[to - 1].wait()
        self.tokens[to] = self.tokens[to - 1]
        self.passed[to].set()


@pytest.mark.race
def test_token_goes_round() -> None:
    ring = Ring()
    threads = [
        threading.Thread(target=target) for target in (lambda: ring.pass_on(2), lambda: ring.pass_on(1), ring.start)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ring.tokens == [0, 0, 0]
