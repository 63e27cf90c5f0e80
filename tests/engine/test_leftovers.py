"""Nothing is left behind, whatever a test did."""

from __future__ import annotations

import gc
import os
import queue
import random
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from pytest_racecheck.engine import current

if TYPE_CHECKING:
    from tests.conftest import Engine

LOCK = threading.Lock()


def state() -> list[object]:
    tools = [sys.monitoring.get_tool(n) for n in range(6)] if sys.version_info >= (3, 12) else []
    affinity = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    hooks = [threading.excepthook, sys.gettrace(), threading.gettrace()]
    found: list[object] = [set(threading.enumerate()), *hooks, tools, gc.isenabled(), affinity, random.getstate()]
    return [*found, current.thread, current.concurrent, LOCK.locked()]


def blocked_forever() -> None:
    threading.Thread(target=queue.Queue[int]().get, daemon=True).start()


def endless_daemon() -> None:
    def beat() -> None:
        while True:
            time.sleep(1)

    threading.Thread(target=beat, daemon=True).start()


def lock_kept() -> None:
    assert LOCK.acquire(blocking=False), "left over from the interleaving before"
    threading.Thread(target=int).start()


def finally_that_blocks() -> None:
    def work() -> None:
        try:
            queue.Queue[int]().get()
        finally:
            queue.Queue[int]().get()

    threading.Thread(target=work, daemon=True).start()


def deadlock() -> None:
    thread = threading.Thread(target=LOCK.acquire)
    with LOCK:
        thread.start()
        thread.join()


def exception_in_thread() -> None:
    thread = threading.Thread(target=lambda: 1 // 0)
    thread.start()
    thread.join()


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        (blocked_forever, "passed"),
        (endless_daemon, "passed"),
        (lock_kept, "passed"),
        (finally_that_blocks, "passed"),
        (deadlock, "deadlock"),
        (exception_in_thread, "serial-failure"),
    ],
)
def test_nothing_is_left(engine: Engine, body: Callable[[], None], verdict: str) -> None:
    before = state()
    assert engine.explore(body, interleavings=4).verdict == verdict
    assert state() == before
