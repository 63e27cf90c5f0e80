"""`Timer.cancel()` does not stop a timer that already fires: the request can be answered and timed out."""

import threading

import pytest


class Request:
    def __init__(self) -> None:
        self.pending = True
        self.endings: list[str] = []
        self.timer = threading.Timer(0.0, self.end, args=("timed out",))

    def end(self, how: str) -> None:
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
