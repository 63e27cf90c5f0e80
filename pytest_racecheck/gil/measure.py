"""Measures: the threads together and one after the other, in alternation, until the ratio of the times is stable."""

from __future__ import annotations

import os
import platform
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from pytest_racecheck.engine import real
from pytest_racecheck.gil import clocks, convoy, run, sampler, shares
from pytest_racecheck.gil.advice import advice
from pytest_racecheck.gil.classify import DISTURBED, SHORTEST, Found, Numbers, classify
from pytest_racecheck.gil.lock_detail import LockDetail
from pytest_racecheck.gil.model import Measurement
from pytest_racecheck.report.json_file import is_free_threaded

if TYPE_CHECKING:
    from pytest_racecheck.gil.run import Run
    from pytest_racecheck.gil.sampler import Sampler

#: Seconds that the alternation may take, for one test.
LIMIT: Final = 5.0
#: The ratio is stable when the last pairs differ by no more than this.
_STABLE: Final = 0.05
#: ... by at most this, else the figure is one of low confidence.
_ROUGH: Final = 0.25
#: Threads that live for less than this, in seconds, may miss each other.
_SHORT_LIFE: Final = 0.002
#: So much sampled time makes shares that one can rely on.
_ENOUGH: Final = 0.3


class Subject(Protocol):
    """What is measured."""

    def call(self) -> object:
        """Run it once. What it raises ends the measurement."""

    def renew(self) -> None:
        """Called between two calls: everything as fresh as for the first."""


@dataclass
class Alternation:
    """The runs of one measurement, in pairs but for the last; the first one together is a pair's too."""

    together: list[Run]
    serial: list[Run]
    obstacle: str = ""

    def ratios(self) -> list[float]:
        """Speed-ups, pair by pair."""
        return [s.wall / t.wall for s, t in zip(self.serial, self.together, strict=False) if t.wall]

    def spread(self) -> float | None:
        """How far the last three ratios lie apart, as a part of their median; None with less than two."""
        last = self.ratios()[-3:]
        return None if len(last) < 2 else (max(last) - min(last)) / statistics.median(last)


def measure(
    subject: Subject,
    name: str,
    *,
    limit: float = LIMIT,
    finish: Callable[[Measurement], None] | None = None,
) -> Measurement:
    """Measure ``subject``; raises what its first run raises.

    ``limit`` is in seconds; the last run may go beyond it. ``finish`` may add to the result while the subject is still
    at hand. The switch interval of the process is what it was, afterwards, and the sampler process is gone.
    """
    began = real.monotonic()
    result = _blank(name)
    with sampler.opened() as (watcher, reason):
        missing = ", ".join(clocks.missing())
        result.tier_reason = "; ".join(filter(None, [reason, f"not available: {missing}" if missing else ""]))
        runs = _alternate(subject, watcher, limit)
        _conclude(result, runs)
        if runs.together[-1].wall <= limit:
            _look_closer(subject, result, runs)
    if finish is not None:
        finish(result)
    result.advice = advice(result)
    result.seconds = real.monotonic() - began
    return result


def cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def inconclusive(name: str, why: str) -> Measurement:
    """For what could not be measured at all."""
    result = _blank(name)
    result.why, result.confidence = why, "low"
    result.advice = advice(result)
    return result


def _blank(name: str) -> Measurement:
    return Measurement(
        name,
        cores=cores(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        free_threaded=is_free_threaded(),
        switch_interval=sys.getswitchinterval(),
    )


def _alternate(subject: Subject, watcher: Sampler | None, limit: float) -> Alternation:
    end = real.monotonic() + limit
    first = run.together(subject.call, watcher)
    runs = Alternation([first], [])
    if first.together < 2 or first.errors:
        return runs
    runs.obstacle = _serial(subject, runs)
    while first.wall >= SHORTEST or len(runs.together) < 3:
        spread = runs.spread()
        sampled = sum(each.wall for each in runs.together)
        if len(runs.together) > 1 and runs.obstacle and sampled > _ENOUGH:
            break
        if spread is not None and spread <= _STABLE * (len(runs.serial) - 1) / 2 and sampled > _ENOUGH:
            break
        pair = runs.together[-1].wall + (runs.serial[-1].wall if runs.serial else 0.0)
        if real.monotonic() + pair > end + 0.1 * limit:
            break
        subject.renew()
        runs.together.append(run.together(subject.call, watcher))
        if not runs.obstacle:
            runs.obstacle = _serial(subject, runs)
    return runs


def _serial(subject: Subject, runs: Alternation) -> str:
    """One serial run; why there is none, else an empty text."""
    lives = sum(thread.wall for thread in runs.together[0].threads)
    subject.renew()
    try:
        done = run.serial(subject.call, 2 * lives + 0.5)
    except Exception as error:  # noqa: BLE001 - whatever the test may raise when its threads are no longer at once
        return f"it fails when its threads run one after the other: {type(error).__name__}: {error}"
    if done.broken:
        return done.broken
    if done.errors:
        return f"a thread fails when they run one after the other: {done.errors[0]!r}"
    runs.serial.append(done)
    return ""


def _conclude(result: Measurement, runs: Alternation) -> None:
    """Everything that follows from the runs."""
    first = runs.together[0]
    used = runs.together[1:] if len(runs.together) > 2 else runs.together  # the first one warms up
    serial = _median(runs.serial)
    threaded = _median(used)
    n = shares.numbers(used, serial, result.cores, threaded=threaded.wall if threaded else 0.0, has_gil=_has_gil())
    found = _agreed(used, serial, n, result.cores)
    if first.errors:
        found = Found("inconclusive", "failed", f"a thread raised {first.errors[0]!r}")
    elif n.threads < 2 <= len(first.threads) and _are_short(first):
        why = f"its {len(first.threads)} threads each end before the next one begins: give them more to do"
        found = Found("inconclusive", "too short", why)
    elif found.verdict == "inconclusive" and runs.obstacle and found.detail != "too short":
        found = Found("inconclusive", "no serial run", runs.obstacle)
    result.verdict, result.detail, result.why = found
    result.threads, result.runs = max(n.threads, min(1, len(first.threads))), len(runs.together)
    result.cpu_use, result.switches_per_second = round(n.use, 3), round(n.switches, 1)
    result.shares = shares.shown(n)
    result.threaded = round(n.threaded, 6) if n.threads else None
    result.spread = runs.spread()
    if serial is not None and n.speedup is not None:
        result.serial, result.speedup = round(serial.wall, 6), round(n.speedup, 3)
        result.ideal = round(shares.ideal(serial, used, result.cores), 3)
    result.tier = "sampled states" if n.sampled else "thread clocks" if clocks.HAS_RUN_QUEUE else "processor times"
    if not n.sampled and not result.tier_reason:
        result.tier_reason = "too few samples"
    result.disturbed = n.queued_serial > DISTURBED
    result.confidence = _confidence(result)


def _are_short(one: Run) -> bool:
    """Whether threads may have missed each other only because they had so little to do."""
    return sum(thread.wall - thread.queued for thread in one.threads) < len(one.threads) * _SHORT_LIFE


def _has_gil() -> bool:
    return not is_free_threaded()


def _median(runs: Sequence[Run]) -> Run | None:
    ordered = sorted(runs, key=lambda each: each.wall)
    return ordered[(len(ordered) - 1) // 2] if ordered else None


def _agreed(runs: Sequence[Run], serial: Run | None, n: Numbers, count: int) -> Found:
    """The verdict on all runs together, if most of them alone would get it too."""
    found = classify(n)
    if len(runs) < 3 or found.verdict in ("inconclusive", "starved of CPU"):
        return found
    each = [
        classify(shares.numbers([one], serial, count, threaded=one.wall, has_gil=_has_gil())).verdict for one in runs
    ]
    if each.count(found.verdict) * 2 > len(each):
        return found
    counted = ", ".join(f"{verdict} {times} of {len(each)}" for verdict, times in Counter(each).most_common())
    if "starved of CPU" in each:
        return Found("starved of CPU", "", f"the machine is busy, and the runs differ ({counted})")
    return Found("inconclusive", "runs differ", f"the runs differ ({counted})")


def _confidence(result: Measurement) -> str:
    if result.verdict == "inconclusive" or result.disturbed or result.tier == "processor times":
        return "low"
    if result.tier != "sampled states" or (result.spread or 0.0) > _ROUGH or result.runs < 2:
        return "medium"
    return "high"


def _look_closer(subject: Subject, result: Measurement, runs: Alternation) -> None:
    """More runs for what costs time to find out: the lock, or a convoy."""
    if result.verdict in ("lock-bound", "hand-off-bound"):
        detail = LockDetail()
        subject.renew()
        looked = run.together(subject.call, detail=detail)
        if looked.worst_lock is not None:
            result.lock, result.lock_lines = detail.of(looked.worst_lock)
    elif _has_gil():
        result.convoy = convoy.find(subject, runs.together)
