"""One run of what is measured, threads together or one after the other, and what it showed in numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pytest_racecheck.engine.watchdog import WATCHDOG
from pytest_racecheck.gil.classify import SHORTEST
from pytest_racecheck.gil.sampler import UNSEEN, States
from pytest_racecheck.gil.turns import Turns
from pytest_racecheck.gil.watch import Watch
from pytest_racecheck.gil.watched import LOCK, SIGNAL, TIME, Watched

if TYPE_CHECKING:
    from pytest_racecheck.gil.lock_detail import LockDetail
    from pytest_racecheck.gil.sampler import Sampler

#: The main thread counts as one of those that work if it computes for this part of the time, and does this part of all
#: computing.
_WORKS: Final = 0.04
_PART: Final = 0.1


@dataclass
class ThreadTimes:
    """One thread in one run; times in seconds.

    ``wall`` is its life, of which it waited ``lock`` for mutual exclusions, ``signal`` for something that another
    thread had to do and ``time`` for a time-out; ``alone`` is how long it took in a serial run. ``switches``: how often
    it gave the processor up. ``states``: what the sampler saw.
    """

    name: str
    function: str
    wall: float
    cpu: float
    queued: float
    lock: float = 0.0
    signal: float = 0.0
    time: float = 0.0
    alone: float = 0.0
    switches: int = 0
    states: States = UNSEEN


@dataclass
class Run:
    """One run: ``wall`` seconds from the first start to the last end of a thread; ``together``: so many at once.

    ``errors`` were raised by threads, ``broken`` says why a serial run could not be one. ``changes``: how often the
    turn went to another thread in a serial run. ``worst_lock``: the lock that threads waited longest for.
    """

    wall: float
    threads: list[ThreadTimes]
    together: int
    errors: list[BaseException] = field(default_factory=list)
    broken: str | None = None
    changes: int = 0
    worst_lock: object | None = None

    @property
    def cpu(self) -> float:
        """Seconds of processor time of all threads."""
        return sum(thread.cpu for thread in self.threads)


def together(body: Callable[[], object], sampler: Sampler | None = None, detail: LockDetail | None = None) -> Run:
    """Run with the threads as they are. Raises what ``body`` raises."""
    WATCHDOG.rearm()
    watch = Watch(detail=detail)
    if sampler is not None:
        sampler.begin()
    seen: dict[int, States] = {}
    try:
        with watch:
            body()
    finally:
        if sampler is not None:
            seen = sampler.end()
    return _run(watch, seen)


def serial(body: Callable[[], object], limit: float) -> Run:
    """Run with one thread at a time; given up, and then ``broken``, after ``limit`` seconds. Raises as ``together``."""
    WATCHDOG.rearm()
    turns = Turns(limit)
    watch = Watch(turns)
    with watch:
        body()
    run = _run(watch, {})
    run.broken, run.changes = turns.broken, turns.changes
    _add_naps(run)
    return run


def _add_naps(run: Run) -> None:
    """A wait that only its time-out ends is a sleep: others had their turn meanwhile, and yet its time adds up."""
    naps = [thread for thread in run.threads if thread.time and not thread.signal]
    idle = max(0.0, run.wall - sum(thread.alone for thread in run.threads))
    run.wall += max(0.0, sum(thread.time for thread in naps) - idle)
    for thread in naps:
        thread.alone += thread.time


def _run(watch: Watch, seen: dict[int, States]) -> Run:
    threads = [_times(thread, seen) for thread in watch.threads]
    wall = max(0, watch.last_end - watch.first_start) / 1e9
    main = _main(watch, seen)
    count = _most_at_once(watch.threads)
    computing = main.cpu + sum(thread.cpu for thread in threads)
    if main.cpu >= max(SHORTEST, _WORKS * wall, _PART * computing):
        threads.append(main)
        count += 1
    return Run(wall, threads, count, watch.errors, worst_lock=_worst_lock(watch.threads))


def _times(thread: Watched, seen: dict[int, States]) -> ThreadTimes:
    passed = thread.passed()
    return ThreadTimes(
        thread.name,
        thread.function,
        passed.wall / 1e9,
        passed.cpu / 1e9,
        passed.queued / 1e9,
        thread.waiting(LOCK) / 1e9,
        thread.waiting(SIGNAL) / 1e9,
        thread.waiting(TIME) / 1e9,
        thread.active / 1e9,
        max(0, passed.voluntary),
        seen.get(thread.native_id, UNSEEN),
    )


def _main(watch: Watch, seen: dict[int, States]) -> ThreadTimes:
    """The main thread while others were there, without its waiting for them."""
    passed = watch.main_passed
    wall = passed.wall / 1e9
    states = seen.get(watch.main.native_id, UNSEEN)
    return ThreadTimes(
        "main",
        "",
        wall,
        passed.cpu / 1e9,
        passed.queued / 1e9,
        alone=min(watch.main.active / 1e9, wall),
        # Its waits for the others are left out of its time.
        states=states._replace(futex=0),
    )


def _most_at_once(threads: list[Watched]) -> int:
    """How many of the threads were alive at the same moment, at most."""
    moments = []
    for thread in threads:
        moments.append((thread.begun.wall, 1))
        if thread.ended is not None:
            moments.append((thread.ended.wall, -1))
    most = alive = 0
    for _, change in sorted(moments):
        alive += change
        most = max(most, alive)
    return most


def _worst_lock(threads: list[Watched]) -> object | None:
    waited: dict[object, int] = {}
    for thread in threads:
        for lock, time in thread.by_lock.items():
            waited[lock] = waited.get(lock, 0) + time
    return max(waited, key=lambda lock: waited[lock], default=None)
