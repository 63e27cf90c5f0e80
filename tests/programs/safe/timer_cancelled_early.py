"""The timer is cancelled long before its time."""

import threading
import time

import pytest


@pytest.mark.race
def test_cancelled_in_time() -> None:
    fired: list[int] = []
    timer = threading.Timer(60, fired.append, (1,))
    timer.start()

    def cancel() -> None:
        time.sleep(1)
        timer.cancel()

    thread = threading.Thread(target=cancel)
    thread.start()
    thread.join()
    timer.join()
    assert fired == []
