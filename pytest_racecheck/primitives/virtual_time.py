"""The stand-ins for `time.sleep` and the clocks: virtual time in controlled threads, real time everywhere else.

They are bound methods, not functions, because the originals are no descriptors either: a class may say
``sleep = time.sleep`` and call ``self.sleep(1)``.
"""

from __future__ import annotations

import importlib
import inspect
from operator import index
from typing import Any

from pytest_racecheck.engine import current, real, stressed


class VirtualTime:
    """The functions of the module `time` that know of virtual time."""

    def sleep(self, seconds: Any, /) -> None:
        """Suspends the calling thread for ``seconds``."""
        me = current.thread
        if me is None or me.ident != real.get_ident() or me.quiet:
            if current.strays and current.come_back():
                self.sleep(seconds)
            else:
                (real if stressed.run is None else stressed.run).sleep(seconds)
            return
        duration = int(seconds * 1e9) if isinstance(seconds, float) else index(seconds) * 1_000_000_000
        if duration < 0:
            real.sleep(seconds)  # raises what it raises
        me.scheduler.sleep(me, duration)

    def monotonic(self) -> float:
        """Seconds of a clock that can't go backwards."""
        return self.monotonic_ns() / 1e9

    def perf_counter(self) -> float:
        """Seconds of the clock for short durations."""
        return self.perf_counter_ns() / 1e9

    def time(self) -> float:
        """Seconds since the epoch."""
        return self.time_ns() / 1e9

    def monotonic_ns(self) -> int:
        """Nanoseconds of a clock that can't go backwards."""
        me = current.thread
        if me is None or me.ident != real.get_ident() or me.quiet:
            return real.monotonic_ns()
        scheduler = me.scheduler
        return scheduler.clock.origin.monotonic + scheduler.read_clock(me)

    def perf_counter_ns(self) -> int:
        """Nanoseconds of the clock for short durations."""
        me = current.thread
        if me is None or me.ident != real.get_ident() or me.quiet:
            return real.perf_counter_ns()
        scheduler = me.scheduler
        return scheduler.clock.origin.perf_counter + scheduler.read_clock(me)

    def time_ns(self) -> int:
        """Nanoseconds since the epoch."""
        me = current.thread
        if me is None or me.ident != real.get_ident() or me.quiet:
            return real.time_ns()
        scheduler = me.scheduler
        return scheduler.clock.origin.time + scheduler.read_clock(me)

    def __reduce__(self) -> Any:
        """Pickled, `time.sleep` and its like are the functions of the module `time`, whatever these are elsewhere."""
        return importlib.import_module, ("time",)


FUNCTIONS = VirtualTime()

for _function in vars(VirtualTime).values():
    if inspect.isfunction(_function):
        _function.__module__ = "time"  # some look a clock up again by the names that it gives
