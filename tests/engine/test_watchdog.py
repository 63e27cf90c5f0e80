"""The watchdog's thread lives as long as an item is explored, and no longer."""

from __future__ import annotations

import _thread
import time

from pytest_racecheck.engine.watchdog import INTERVAL, Watchdog


def wait_for(threads: int) -> None:
    deadline = time.monotonic() + 100 * INTERVAL
    while _thread._count() != threads:
        assert time.monotonic() < deadline, f"{_thread._count()} threads, not {threads}"
        time.sleep(INTERVAL / 10)


def test_each_item_gets_a_thread_and_none_stays() -> None:
    before = _thread._count()
    watchdog = Watchdog()
    for _ in range(3):
        watchdog.arm(None, 100.0)  # type: ignore[arg-type]
        watchdog.arm(None, 100.0)  # type: ignore[arg-type]
        wait_for(before + 1)
        watchdog.stop()
        watchdog.stop()
        wait_for(before)
