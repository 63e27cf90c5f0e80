"""Convoys: a thread that does input or output needs the GIL after each step, and one that computes lets it wait.

The one that computes gives the GIL up when it is asked to, one switch interval later. So a run at a short interval
tells: where the latency of a step falls to less than half, it was the GIL that it waited for. The latency is that of a
thread of our own, which gives the GIL up and takes it back, as input and output do.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from pytest_racecheck.engine import real
from pytest_racecheck.gil import run
from pytest_racecheck.gil.model import Convoy

if TYPE_CHECKING:
    from pytest_racecheck.gil.measure import Subject
    from pytest_racecheck.gil.run import Run, ThreadTimes

SHORT_INTERVAL: Final = 0.0005

#: A victim computes for less than this part of its life, and gives its processor up at least so often.
_LIGHT: Final = 0.25
_STEPS: Final = 8
#: Someone else computes for more than this part of its life.
_HEAVY: Final = 0.5
#: Seconds between two looks at the latency, and the number of them that says something.
_PAUSE: Final = 0.002
_ENOUGH: Final = 5


def find(subject: Subject, runs: Sequence[Run]) -> Convoy | None:
    """The convoy in ``runs``, if two more runs confirm it: with the switch interval as it is, and a short one."""
    last = runs[-1]
    heavy = max(last.threads, key=lambda thread: thread.cpu, default=None)
    if heavy is None or heavy.cpu < _HEAVY * heavy.wall:
        return None
    victims = [thread for thread in last.threads if thread is not heavy and _suffers(thread)]
    interval = sys.getswitchinterval()
    if not victims or interval <= 2 * SHORT_INTERVAL:
        return None
    usual, short = _latency(subject, interval), _latency(subject, SHORT_INTERVAL)
    if usual is None or short is None or usual <= 2 * short:
        return None
    victim = max(victims, key=lambda thread: thread.wall - thread.cpu)
    return Convoy(_called(victim), _called(heavy), interval, usual, SHORT_INTERVAL, short)


def _suffers(thread: ThreadTimes) -> bool:
    if thread.cpu > _LIGHT * thread.wall or thread.switches < _STEPS:
        return False
    # It waits for input, output or time in between: others that wait for the GIL all the time only take turns.
    samples = sum(thread.states)
    return not samples or thread.states.gil > 0.2 * samples


def _latency(subject: Subject, interval: float) -> float | None:
    """Seconds for a step in the company of the subject's threads, the median; None if there are too few."""
    subject.renew()
    before = sys.getswitchinterval()
    sys.setswitchinterval(interval)
    try:
        with _stepping() as latencies:
            run.together(subject.call)
    finally:
        sys.setswitchinterval(before)
    return statistics.median(latencies) if len(latencies) >= _ENOUGH else None


@contextlib.contextmanager
def _stepping() -> Iterator[list[float]]:
    latencies: list[float] = []
    ended = real.allocate_lock()
    ended.acquire()
    going = True

    def step() -> None:
        try:
            while going:
                began = real.perf_counter()
                real.sleep(0)
                latencies.append(real.perf_counter() - began)
                real.sleep(_PAUSE)
        finally:
            ended.release()

    real.start_new_thread(step, ())
    try:
        yield latencies
    finally:
        going = False
        ended.acquire()


def _called(thread: ThreadTimes) -> str:
    return thread.function.rpartition("<locals>.")[2] or thread.name
