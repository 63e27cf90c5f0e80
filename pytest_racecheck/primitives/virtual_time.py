"""The stand-ins for `time.sleep` and the clocks: virtual time in controlled threads, real time everywhere else.

They are bound methods, not functions, because the originals are no descriptors either: a class may say
``sleep = time.sleep`` and call ``self.sleep(1)``.
"""

from __future__ import annotations

import importlib
import inspect
import time
from collections.abc import Callable, Sequence
from operator import index
from time import struct_time
from typing import Any, ClassVar, Final

from pytest_racecheck.engine import current, real, stressed


class VirtualTime:
    """The functions of the module `time` that know of virtual time.

    ``travellers``: who says what time it is, the last one of them, if somebody travels with time-machine.
    """

    travellers: ClassVar[Sequence[Any]] = ()

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
        if self.travellers:
            return int(self.travellers[-1].time_ns())
        return self.present(real.time_ns)

    def present(self, outside: Callable[[], int]) -> int:
        """Nanoseconds since the epoch, in virtual time or as ``outside`` says."""
        me = current.thread
        if me is None or me.ident != real.get_ident() or me.quiet:
            return outside()
        scheduler = me.scheduler
        return scheduler.clock.origin.time + scheduler.read_clock(me)

    def clock_gettime(self, clock: int, /) -> float:
        """Seconds of a clock of the system."""
        return self.clock_gettime_ns(clock) / 1e9

    def clock_gettime_ns(self, clock: int, /) -> int:
        """Nanoseconds of a clock of the system; those that count what a thread or a process computes stay real."""
        if clock in _MONOTONIC:
            return self.monotonic_ns()
        return self.time_ns() if clock in _REALTIME else real.clock_gettime_ns(clock)

    def localtime(self, seconds: float | None = None, /) -> struct_time:
        """``seconds`` since the epoch, or the present, in local time."""
        return real.localtime(self.time() if seconds is None else seconds)

    def gmtime(self, seconds: float | None = None, /) -> struct_time:
        """``seconds`` since the epoch, or the present, in UTC."""
        return real.gmtime(self.time() if seconds is None else seconds)

    def ctime(self, seconds: float | None = None, /) -> str:
        """``seconds`` since the epoch, or the present, in local time, to be read."""
        return real.ctime(self.time() if seconds is None else seconds)

    def asctime(self, *moment: Any) -> str:
        """A moment, or the present, in local time, to be read."""
        return real.asctime(*moment or (self.localtime(),))

    def strftime(self, form: str, *moment: Any) -> str:
        """A moment, or the present, in local time, in a certain form."""
        return real.strftime(form, *moment or (self.localtime(),))

    def __reduce__(self) -> Any:
        """Pickled, `time.sleep` and its like are the functions of the module `time`, whatever these are elsewhere."""
        return importlib.import_module, ("time",)


def _clocks(*names: str) -> frozenset[int]:
    return frozenset(getattr(time, name) for name in names if hasattr(time, name))


_MONOTONIC: Final = _clocks("CLOCK_MONOTONIC", "CLOCK_MONOTONIC_RAW", "CLOCK_BOOTTIME", "CLOCK_UPTIME_RAW")
_REALTIME: Final = _clocks("CLOCK_REALTIME", "CLOCK_TAI")

FUNCTIONS = VirtualTime()

for _function in vars(VirtualTime).values():
    if inspect.isfunction(_function):
        _function.__module__ = "time"  # some look a clock up again by the names that it gives
