"""The clocks and counters of one thread, and which of them this system has."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

from pytest_racecheck.engine import real

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]

_PROC: Final = "/proc/thread-self/schedstat"

#: Whether the system says how long a thread was ready to run and had no processor.
HAS_RUN_QUEUE: Final = Path(_PROC).exists()
#: Whether the system counts how often a thread gave up its processor.
HAS_SWITCHES: Final = hasattr(resource, "RUSAGE_THREAD")

_RESOURCE: Final[Any] = resource
_cpu_clock_of: Final = getattr(time, "pthread_getcpuclockid", None)


class Reading(NamedTuple):
    """One thread at one moment: nanoseconds of wall time, processor time and time in the run queue; switches.

    What the system does not tell is 0.
    """

    wall: int
    cpu: int
    queued: int
    voluntary: int

    def since(self, before: Reading) -> Reading:
        """What has passed since another reading of the same thread."""
        return Reading(*(now - then for now, then in zip(self, before, strict=True)))


NOTHING: Final = Reading(0, 0, 0, 0)


def read() -> Reading:
    """The calling thread, now."""
    voluntary = _RESOURCE.getrusage(_RESOURCE.RUSAGE_THREAD).ru_nvcsw if HAS_SWITCHES else 0
    queued = _queued(_PROC) if HAS_RUN_QUEUE else 0
    return Reading(real.monotonic_ns(), time.thread_time_ns(), queued, voluntary)


def read_other(ident: int, native_id: int) -> Reading | None:
    """Another thread that is alive, now (without its switches); None where the system does not let one look."""
    if _cpu_clock_of is None:
        return None
    try:
        cpu = time.clock_gettime_ns(_cpu_clock_of(ident))
    except OSError:  # it has just ended
        return None
    queued = _queued(f"/proc/self/task/{native_id}/schedstat") if HAS_RUN_QUEUE else 0
    return Reading(real.monotonic_ns(), cpu, queued, 0)


def native_id() -> int:
    """The system's number of the calling thread; 0 where there is none."""
    return threading.get_native_id() if hasattr(threading, "get_native_id") else 0


def missing() -> list[str]:
    """What this system does not tell, in words for the report."""
    words = []
    if not HAS_RUN_QUEUE:
        words.append(f"time without a processor ({sys.platform} has no per-thread run-queue times)")
    if not HAS_SWITCHES:
        words.append("voluntary context switches")
    return words


def _queued(path: str) -> int:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - read for every thread, twice
            return int(file.read().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
