"""Whether a thread of this process uses the processor."""

from __future__ import annotations

import time
from typing import Final

from pytest_racecheck.engine import real

#: Real seconds over which that is measured.
_SECONDS: Final = 0.05


def computes(ident: int) -> bool:
    """Whether a thread uses the processor at the moment, as far as the system tells.

    An exception that is set in a thread which blocks is of no use to it, and never lets a traced thread of CPython 3.11
    go on: its interpreter looks for pending exceptions before each instruction, for ever.
    """
    if not hasattr(time, "pthread_getcpuclockid"):
        return True
    try:
        clock = time.pthread_getcpuclockid(ident)
        before = time.clock_gettime_ns(clock)
        real.sleep(_SECONDS)
        return time.clock_gettime_ns(clock) > before
    except OSError:
        return False  # it has ended meanwhile
