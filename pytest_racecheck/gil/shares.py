"""From runs to shares: where the threads' time went, by the best means that the system offers.

With the sampler, what threads waited for is seen directly. Without it, waiting that the serial run did not have and
that no lock explains is put down to the GIL, but only if somebody computed for nearly all of the time: otherwise waits
for the disk look the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_racecheck.gil.classify import SATURATED, Numbers
from pytest_racecheck.gil.model import Shares
from pytest_racecheck.gil.sampler import States

if TYPE_CHECKING:
    from pytest_racecheck.gil.run import Run, ThreadTimes

#: Samples that are needed to rely on them.
_ENOUGH: Final = 20
#: A difference between clocks and samples that chance does not explain: the machine stood still (a virtual one).
_AWAY: Final = 0.1


class Waits(NamedTuple):
    """Seconds, over all threads."""

    total: float
    cpu: float
    queued: float
    gil: float
    lock: float
    signal: float


def numbers(runs: Sequence[Run], serial: Run | None, cores: int, *, threaded: float, has_gil: bool) -> Numbers:
    """What the rules of `classify` look at: ``runs`` are taken together, ``threaded`` is the wall time that counts."""
    threads = [thread for run in runs for thread in run.threads]
    wall = sum(run.wall for run in runs) or 1e-9
    states = _sum(thread.states for thread in threads)
    sampled = sum(states) >= _ENOUGH
    waits = _sampled(threads, states) if sampled else _reckoned(runs, serial, threads)
    if not has_gil:
        waits = waits._replace(lock=waits.lock + waits.gil, gil=0.0)
    signals = min(waits.signal / waits.total, 1.0) if waits.total else 0.0
    busy = max(waits.total - waits.signal, 1e-9)
    known = [each / busy for each in (waits.cpu, waits.gil, waits.lock, waits.queued)]
    speedup = serial.wall / threaded if serial is not None and threaded > 0 else None
    return Numbers(
        threads=max((run.together for run in runs), default=0),
        cores=cores,
        threaded=threaded,
        serial=None if serial is None else serial.wall,
        longest=_longest(serial),
        use=waits.cpu / wall,
        computing=known[0],
        gil=known[1],
        locks=known[2],
        queued=known[3],
        waiting=max(0.0, 1 - sum(known)),
        signals=signals,
        switches=sum(thread.switches for thread in threads) / wall,
        speedup=speedup,
        queued_serial=_queued(serial),
        sampled=sampled,
    )


def ideal(serial: Run, runs: Sequence[Run], cores: int) -> float:
    """The speed-up that nothing but the processors and the largest part of the work would limit.

    That part is the longest thread's. Where threads take their work from a queue, the first may have done it all in the
    serial run, and did not in the others.
    """
    threads = max((run.together for run in runs), default=1)
    part = min(_longest(serial), *(_largest_part(run) for run in runs)) if runs else _longest(serial)
    # What other programs took is no part of the work.
    work = max(serial.cpu, serial.wall * (1 - _queued(serial)))
    limit = max(part * work, serial.cpu / max(1, min(threads, cores)))
    return max(1.0, min(work / limit, float(threads))) if limit > 0 else 1.0


def _largest_part(run: Run) -> float:
    busy = [max(0.0, thread.wall - thread.signal - thread.lock) for thread in run.threads]
    return max(busy, default=1.0) / max(sum(busy), 1e-9)


def shown(n: Numbers) -> Shares:
    """The shares of all time for a reader: they add up to 1, which those that overlap do not."""
    part = 1 - n.signals
    parts = [n.computing, n.gil, n.locks, n.queued, n.waiting]
    scale = part / max(sum(parts), 1e-9)
    computing, gil, locks, processor, io = (round(each * scale, 4) for each in parts)
    return Shares(computing, gil, locks, processor, io, round(n.signals, 4))


def _sampled(threads: Sequence[ThreadTimes], states: States) -> Waits:
    total, cpu, queued, lock, signal, time = _clocks(threads)
    samples = sum(states)
    blocked = max(0.0, total - cpu - queued)
    seen = total * (samples - states.running) / samples
    if blocked - seen > _AWAY * total:  # ready to run for the system, and yet nothing happened
        queued += blocked - seen
        blocked = seen
    waiting = max(1, samples - states.running)
    gil, futex = blocked * states.gil / waiting, blocked * states.futex / waiting
    # Locks that are made in C wait unseen by us, but not unseen by the sampler.
    unseen = max(0.0, futex - lock - signal - time)
    return Waits(total, cpu, queued, gil, lock + unseen, signal)


def _reckoned(runs: Sequence[Run], serial: Run | None, threads: Sequence[ThreadTimes]) -> Waits:
    total, cpu, queued, lock, signal, time = _clocks(threads)
    blocked = max(0.0, total - cpu - queued)
    gil = 0.0
    wall = sum(run.wall for run in runs)
    if serial is not None and wall > 0 and cpu / wall >= SATURATED:
        idle = max(0.0, serial.wall - serial.cpu - sum(thread.queued for thread in serial.threads))
        gil = max(0.0, blocked - idle * len(runs) - lock - signal - time)
    return Waits(total, cpu, queued, gil, lock, signal)


def _clocks(threads: Sequence[ThreadTimes]) -> tuple[float, float, float, float, float, float]:
    return (
        sum(thread.wall for thread in threads),
        sum(thread.cpu for thread in threads),
        sum(thread.queued for thread in threads),
        sum(thread.lock for thread in threads),
        sum(thread.signal for thread in threads),
        sum(thread.time for thread in threads),
    )


def _sum(states: Iterable[States]) -> States:
    total = States()
    for each in states:
        total = total.plus(each)
    return total


def _queued(serial: Run | None) -> float:
    return 0.0 if serial is None or not serial.wall else sum(t.queued for t in serial.threads) / serial.wall


def _longest(serial: Run | None) -> float:
    if serial is None or not serial.wall:
        return 0.0
    return min(1.0, max((thread.alone for thread in serial.threads), default=0.0) / serial.wall)
