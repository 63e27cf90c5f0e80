"""The clock never goes back, and a sleep takes as long as asked or longer."""

import threading
import time

import pytest


@pytest.mark.race
def test_sleep_takes_its_time() -> None:
    slept: list[float] = []

    def sleeper(seconds: float) -> None:
        start = time.monotonic()
        time.sleep(seconds)
        slept.append(time.monotonic() - start)

    threads = [threading.Thread(target=target) for target in (lambda: sleeper(0.02), lambda: sleeper(0.01))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert min(slept) >= 0.0099
    assert max(slept) >= 0.0199
