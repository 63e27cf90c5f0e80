"""Finds the deadlocks of a run while they are there.

A deadlock is never guessed from the books alone, since a thread may have been given its lock and not yet have written
that down. A thread that waits looks up now and then, tries once more, and says that it still waits. If that happens to
every thread of a set after all of them had begun the waits that they are in, none of them has done anything since, so
nothing that one of them waits for can have been freed by another one.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from pytest_racecheck.detect.deadlock import BlockedThread, Diagnosis, diagnose
from pytest_racecheck.detect.stacks import InnermostFrames, user_frames
from pytest_racecheck.engine import real
from pytest_racecheck.primitives.origin import Origin
from pytest_racecheck.primitives.rlock import RLock

if TYPE_CHECKING:
    from _thread import LockType
    from types import FrameType

    from pytest_racecheck.stress.run import StressRun
    from pytest_racecheck.stress.thread import StressThread

#: Real seconds between two looks.
INTERVAL: Final = 0.01

#: So often each thread of a deadlock looks up in vain; the first time it may have begun to wait before the others.
TESTIMONIES: Final = 2

#: Threads that nobody stresses get so many seconds to free what all others wait for; once they have let that pass, they
#: get next to nothing.
OUTSIDE_SECONDS: Final = 1.0
OUTSIDE_SECONDS_LATER: Final = 0.05

#: Top-level modules whose threads serve the test runner: they free nothing that a test waits for.
_RUNNERS: Final = frozenset({"execnet", "xdist", "pytest_timeout", "coverage", "_pydevd_bundle", "debugpy", "pydevd"})


class Watch:
    """A thread that looks at one run after the other, for one item. It also notices when the machine is late."""

    def __init__(self) -> None:
        self._end: LockType = real.allocate_lock()
        self._end.acquire()
        self._run: StressRun | None = None
        #: The threads that seem to be stuck, each with its operations and its testimonies when they were first seen.
        self._suspects: list[tuple[StressThread, int, int]] = []
        self._since = 0.0
        self._outside_seconds = OUTSIDE_SECONDS
        real.start_new_thread(self._watch, ())

    def begin(self, run: StressRun) -> None:
        """From now on ``run`` is watched."""
        self._suspects = []
        self._run = run

    def end(self) -> None:
        """The main thread is out of the run."""
        self._run = None

    def stop(self) -> None:
        """Ends the thread."""
        self._run = None
        self._end.release()

    def _watch(self) -> None:
        before = real.monotonic()
        while not self._end.acquire(timeout=INTERVAL):
            run = self._run
            now = real.monotonic()
            if run is not None and run.over is None:
                run.late(now - before - INTERVAL)
                self._look(run, now)
            before = real.monotonic()

    def _look(self, run: StressRun, now: float) -> None:
        stuck = stuck_threads(run)
        if not stuck or not self._testified(stuck, now):
            return
        is_alone = not outsiders(run)
        if is_alone or now - self._since > self._outside_seconds:
            if not is_alone:
                self._outside_seconds = OUTSIDE_SECONDS_LATER
            run.diagnosis = explain(run, stuck)
            run.over = run.over or "deadlock"

    def _testified(self, stuck: list[StressThread], now: float) -> bool:
        if [(thread, thread.ops) for thread in stuck] != [each[:2] for each in self._suspects]:
            self._suspects = [(thread, thread.ops, thread.beats) for thread in stuck]
            self._since = now
            return False
        return all(thread.beats >= beats + TESTIMONIES for thread, _, beats in self._suspects)


def stuck_threads(run: StressRun) -> list[StressThread]:
    """Threads that by the books can't go on: all that are alive, or a cycle of locks that only their owners release."""
    alive = [thread for thread in list(run.threads) if not thread.ended]
    if all(thread.waits is not None and not thread.timed for thread in alive):
        return alive
    return lock_cycle(run, RLock)


def lock_cycle(run: StressRun, kind: type | None = None) -> list[StressThread]:
    """Threads that wait for good for each other's locks, all of ``kind`` if given; empty if there are none."""
    waiting: dict[StressThread, StressThread] = {}
    for thread in list(run.threads):
        lock = thread.waits
        if thread.ended or thread.timed or getattr(lock, "origin", Origin.outside).handed:
            continue
        owner = getattr(lock, "owner", None)
        if owner is thread and thread.thread is not None and thread.thread.daemon:
            continue  # it may wait for ever, for somebody to release what it took itself
        if owner is not None and (kind is None or isinstance(lock, kind)):
            waiting[thread] = owner
    for start in waiting:
        cycle = [start]
        while (following := waiting.get(cycle[-1])) is not None and following not in cycle:
            cycle.append(following)
        if following is start:
            return sorted(cycle, key=lambda thread: thread.index)
    return []


def lasting_cycle(run: StressRun) -> list[StressThread]:
    """`lock_cycle`, if all of its threads testify to it; for the end of the test, when nobody else can help them."""
    cycle = lock_cycle(run)
    before = [(thread.ops, thread.beats) for thread in cycle]
    while any(thread.beats < beats + TESTIMONIES for thread, (_, beats) in zip(cycle, before, strict=True)):
        if [thread.ops for thread in cycle] != [ops for ops, _ in before]:
            return []
        real.sleep(INTERVAL)
    return cycle


def explain(run: StressRun, stuck: list[StressThread]) -> Diagnosis | None:
    """Says why these threads can't go on, None if one of them can after all. They stand still meanwhile."""
    # Others that wait for good add what is known of them, the names of things most of all.
    others = [thread for thread in run.threads if thread.waits is not None and not (thread.timed or thread.ended)]
    blocked: list[BlockedThread] = []
    with InnermostFrames() as frames:
        try:
            for thread in sorted({*stuck, *others}, key=lambda each: each.index):
                if thread.waits is None and thread in stuck:
                    return None
                blocked.append(_describe(run, thread, frames.get(thread.ident or 0)))
            return diagnose(blocked, [thread.label for thread in run.threads if thread.ended])
        finally:
            for each in blocked:
                each.frame = None


def _describe(run: StressRun, thread: StressThread, frame: FrameType | None) -> BlockedThread:
    resource = thread.waits
    owner = getattr(resource, "owner", None) or run.by_thread.get(id(resource))
    function = thread.function
    if thread is run.main:
        function = next((each.f_code.co_qualname for each in reversed(user_frames(frame))), "test")
    return BlockedThread(
        id=thread.label,
        name=thread.name,
        function=function,
        operation=thread.kind,
        resource=resource,
        holds=list(thread.held.items()),
        frame=frame,
        owner_ids=[] if owner is None else [owner.label],
    )


def outsiders(run: StressRun) -> bool:
    """Whether threads are alive that the test did not start, and that might have to do with it."""
    for thread in threading.enumerate():
        if id(thread) in run.by_thread or isinstance(thread, threading._DummyThread):
            continue
        target = getattr(thread, "_target", None)
        module = getattr(target, "__module__", None) or type(thread).__module__
        if module.partition(".")[0] not in _RUNNERS and not module.startswith(("pytest_", "_pytest.")):
            return True
    return False
