"""Thread pools and the end of a run, which ends their workers: they neither complain of that nor count on them later.

A pool may be wider than a run: in a module, or in a fixture of a wider scope. Its workers belong to the run in which
they were started, and end with it; the pool starts others when it has something to do again.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def pools_let_go(threads: Iterable[threading.Thread]) -> Iterator[None]:
    """Inside, ``threads`` are ended by an exception."""
    base, module = (sys.modules.get(f"concurrent.futures.{name}") for name in ("_base", "thread"))
    if base is None or module is None:
        yield
        return
    workers = list(_workers(threads, module))
    disabled = base.LOGGER.disabled
    base.LOGGER.disabled = True  # the exception is nobody's business
    try:
        yield
    finally:
        base.LOGGER.disabled = disabled
        for pool, thread in workers:
            pool._threads.discard(thread)
            idle = pool._idle_semaphore
            idle._value = min(idle._value, len(pool._threads))


def _workers(threads: Iterable[threading.Thread], module: Any) -> Iterator[tuple[Any, threading.Thread]]:
    """Pools and their workers, of those that are alive."""
    for thread in threads:
        attributes = vars(thread)
        arguments = attributes.get("_args")  # gone once the thread has ended
        if attributes.get("_target") is module._worker and arguments:
            pool = arguments[0]()
            if pool is not None:
                yield pool, thread
