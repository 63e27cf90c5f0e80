"""Two tasks to run one after the other, in threads and in processes: one computes, one waits."""

from __future__ import annotations

import time

#: How long `io_task` waits, in seconds.
WAITING = 1.0


def cpu_task(n: int) -> int:
    """Count down from ``n``; returns how many steps that took."""
    steps = 0
    while n > 0:
        n -= 1
        steps += 1
    return steps


def io_task() -> None:
    """Wait a second, as for an answer from elsewhere."""
    time.sleep(WAITING)
