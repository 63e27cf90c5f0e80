"""The timer is cancelled after exactly the time that it waits: it may have fired."""

import threading
import time

import pytest


@pytest.mark.race
def test_cancelled_in_time() -> None:
    fired: list[int] = []
    timer = threading.Timer(1, fired.append, (1,))
    timer.start()

    def cancel() -> None:
        time.sleep(1)
        timer.cancel()

    thread = threading.Thread(target=cancel)
    thread.start()
    thread.join()
    timer.join()
    assert fired == []
