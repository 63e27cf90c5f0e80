"""The watchdog's thread lives as long as an item is explored, and no longer."""

from __future__ import annotations

import subprocess
import sys

#: In a process of its own: here, a thread that another test lost may end at any time.
PROGRAM = """
import _thread
import time

from pytest_racecheck.engine.watchdog import INTERVAL, Watchdog


def wait_for(threads):
    deadline = time.monotonic() + 100 * INTERVAL
    while _thread._count() != threads:
        assert time.monotonic() < deadline, f"{_thread._count()} threads, not {threads}"
        time.sleep(INTERVAL / 10)


before = _thread._count()
watchdog = Watchdog()
for _ in range(3):
    watchdog.arm(None, 100.0)
    watchdog.arm(None, 100.0)
    wait_for(before + 1)
    watchdog.stop()
    watchdog.stop()
    wait_for(before)
"""


def test_each_item_gets_a_thread_and_none_stays() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60)
