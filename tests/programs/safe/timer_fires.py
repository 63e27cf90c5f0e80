"""A timer fires after its interval, and one that is cancelled in time does not."""

import threading

import pytest


@pytest.mark.race
def test_two_timers() -> None:
    rung: list[str] = []
    short = threading.Timer(0.01, rung.append, args=("short",))
    long = threading.Timer(60.0, rung.append, args=("long",))
    short.start()
    long.start()
    short.join()
    long.cancel()
    long.join()
    assert rung == ["short"]
