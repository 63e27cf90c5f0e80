"""Whoever ends the request first does so under a lock; the timer may fire late and finds it ended."""

import threading

import pytest


class Request:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.pending = True
        self.endings: list[str] = []
        self.timer = threading.Timer(0.0, self.end, args=("timed out",))

    def end(self, how: str) -> None:
        with self.lock:
            if self.pending:
                self.pending = False
                self.endings.append(how)


@pytest.mark.race
def test_one_ending() -> None:
    request = Request()
    request.timer.start()
    request.end("answered")
    request.timer.cancel()
    request.timer.join()
    assert len(request.endings) == 1
