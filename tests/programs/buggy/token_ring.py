"""Each thread copies the token of its neighbour: all have the same one only if they run in the order of the ring."""

import threading

import pytest


class Ring:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.tokens = [1, 2, 3]

    def start(self) -> None:
        with self.lock:
            self.tokens[0] = (self.tokens[2] + 1) % 4

    def pass_on(self, to: int) -> None:
        with self.lock:
            self.tokens[to] = self.tokens[to - 1]


@pytest.mark.race
def test_token_goes_round() -> None:
    ring = Ring()
    threads = [
        threading.Thread(target=target) for target in (ring.start, lambda: ring.pass_on(1), lambda: ring.pass_on(2))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ring.tokens)) == 1
