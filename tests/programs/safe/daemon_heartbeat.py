"""A daemon thread sleeps and counts for ever: it neither ends the test nor keeps it from ending."""

import threading
import time

import pytest


@pytest.mark.race
def test_work_with_heartbeat() -> None:
    beats: list[int] = []
    results: list[str] = []

    def heartbeat() -> None:
        while True:
            beats.append(1)
            time.sleep(0.01)

    threading.Thread(target=heartbeat, daemon=True).start()
    worker = threading.Thread(target=lambda: results.append("done"))
    worker.start()
    worker.join()
    assert results == ["done"]
