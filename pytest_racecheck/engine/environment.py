"""What the process needs while an item is explored, and gets back afterwards: collector, processor, random numbers."""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import random
import sys
import threading
from pathlib import Path
from typing import Any, Final

from pytest_racecheck.engine import real

#: Real seconds after which the processor is chosen anew: another process may have taken it meanwhile.
REPIN_SECONDS: Final = 0.1

#: A full collection looks at all that the process has, some 20 ms of work.
RUNS_PER_FULL_COLLECTION: Final = 5_000


class Environment:
    """Everything that is switched for one item. `open` and `close` frame the item, `begin_run` starts each run.

    The cyclic collector runs between runs only: it would call finalizers at points that no schedule decides. The
    process keeps to one processor, since only one of its threads runs at a time, and handing the baton to another
    processor takes four times as long; threads and processes that it starts meanwhile keep to it as well.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._runs = 0
        self._collects = False
        self._mask: set[int] | None = None
        self._pinned_at = 0.0
        self._random_state: tuple[object, ...] | None = None
        self._thread_numbers: object = None
        self._pool_numbers: object = None

    def open(self) -> None:
        """Called in the main thread, before anything of the item runs."""
        self._collects = gc.isenabled()
        gc.disable()
        self._random_state = random.getstate()
        self._thread_numbers = threading._counter  # type: ignore[attr-defined]
        if hasattr(os, "sched_setaffinity"):
            try:
                self._mask = os.sched_getaffinity(0)
            except OSError:
                self._mask = None
        self._pin()

    @property
    def processors(self) -> set[int]:
        """Those that the process had when the item began; empty where that can't be told or changed."""
        return set() if self._mask is None else set(self._mask)

    def begin_run(self) -> None:
        """Called before each run: the same random numbers and thread names, no garbage, a processor that is free."""
        random.seed(self._seed)
        threading._counter = itertools.count(1).__next__  # type: ignore[attr-defined]
        pools: Any = sys.modules.get("concurrent.futures.thread")
        if pools is not None:
            self._pool_numbers = self._pool_numbers or pools.ThreadPoolExecutor._counter
            pools.ThreadPoolExecutor._counter = itertools.count().__next__
        # What a run leaves is young, unless a collection met it while it was still in use: then it counts as old.
        self._runs += 1
        gc.collect(2 if self._runs % RUNS_PER_FULL_COLLECTION == 0 else self._runs % 20 == 0)
        if self._mask is not None and real.monotonic() - self._pinned_at > REPIN_SECONDS:
            self._pin()

    def _pin(self) -> None:
        self._pinned_at = real.monotonic()
        mask = self._mask
        if mask is None or len(mask) < 2:
            return
        try:
            os.sched_setaffinity(0, mask)
            processor = _processor()
            os.sched_setaffinity(0, {processor if processor in mask else min(mask)})
        except OSError:
            # A container that forbids it: everything works without, only slower.
            self._mask = None

    def close(self) -> None:
        """Puts everything back; also called when `open` failed halfway."""
        if self._mask is not None:
            with contextlib.suppress(OSError):
                os.sched_setaffinity(0, self._mask)
            self._mask = None
        if self._random_state is not None:
            random.setstate(self._random_state)
            self._random_state = None
            threading._counter = self._thread_numbers  # type: ignore[attr-defined]
        if self._pool_numbers is not None:
            sys.modules["concurrent.futures.thread"].ThreadPoolExecutor._counter = self._pool_numbers
            self._pool_numbers = None
        if self._collects:
            gc.enable()


def _processor() -> int:
    """The processor that the calling thread runs on, -1 if the system does not tell."""
    if sys.platform != "linux":
        return -1
    try:
        with Path("/proc/thread-self/stat").open("rb") as stat:
            # Field 39; the second one is a name in parentheses that may hold blanks.
            return int(stat.read().rpartition(b")")[2].split()[36])
    except (OSError, IndexError, ValueError):
        return -1
