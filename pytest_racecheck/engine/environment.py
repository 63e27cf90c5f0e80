"""What the process needs for exploring an item, and gets back: collector, processor, threads, random numbers."""

from __future__ import annotations

import gc
import itertools
import random
import sys
import threading
from typing import Any, Final

from pytest_racecheck.engine.carriers import Carriers
from pytest_racecheck.engine.processor import Processor

#: A full collection looks at all that the process has, some 20 ms of work.
RUNS_PER_FULL_COLLECTION: Final = 5_000


class Environment:
    """Everything that is switched for one item. `open` and `close` frame the item, `begin_run` starts each run.

    The cyclic collector runs between runs only: it would call finalizers at points that no schedule decides.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._runs = 0
        self._collects = False
        self.processor = Processor()
        self.carriers = Carriers()
        self._random_state: tuple[Any, ...] | None = None
        #: What `random.seed` makes of the seed, which takes three times as long as to put it back.
        self._seeded: tuple[Any, ...] = ()
        self._thread_numbers: object = None
        self._pool_numbers: object = None

    def open(self) -> None:
        """Called in the main thread, before anything of the item runs."""
        self._collects = gc.isenabled()
        gc.disable()
        self._random_state = random.getstate()
        random.seed(self._seed)
        self._seeded = random.getstate()
        self._thread_numbers = threading._counter  # type: ignore[attr-defined]
        self.processor.take()

    def begin_run(self) -> None:
        """Called before each run: the same random numbers and thread names, no garbage, a processor that is free."""
        random.setstate(self._seeded)
        threading._counter = itertools.count(1).__next__  # type: ignore[attr-defined]
        pools: Any = sys.modules.get("concurrent.futures.thread")
        if pools is not None:
            self._pool_numbers = self._pool_numbers or pools.ThreadPoolExecutor._counter
            pools.ThreadPoolExecutor._counter = itertools.count().__next__
        # What a run leaves is young, unless a collection met it while it was still in use: then it counts as old.
        self._runs += 1
        gc.collect(2 if self._runs % RUNS_PER_FULL_COLLECTION == 0 else self._runs % 20 == 0)
        if self.processor.renew():
            self.carriers.drop()

    def close(self) -> None:
        """Puts everything back; also called when `open` failed halfway."""
        self.carriers.abolish()
        self.processor.give_back()
        if self._random_state is not None:
            random.setstate(self._random_state)
            self._random_state = None
            threading._counter = self._thread_numbers  # type: ignore[attr-defined]
        if self._pool_numbers is not None:
            sys.modules["concurrent.futures.thread"].ThreadPoolExecutor._counter = self._pool_numbers
            self._pool_numbers = None
        if self._collects:
            gc.enable()
