"""What the scheduler knows of threads that can't go on, told to those who explain it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pytest_racecheck.detect.deadlock import BlockedThread, Diagnosis, diagnose
from pytest_racecheck.detect.livelock import diagnose_livelock
from pytest_racecheck.detect.stacks import InnermostFrames
from pytest_racecheck.primitives.origin import Origin

if TYPE_CHECKING:
    from pytest_racecheck.engine.baton import Baton
    from pytest_racecheck.engine.thread import ControlledThread


def explain(baton: Baton) -> Diagnosis | None:
    """Why the run is stuck, in a deadlock or a livelock; the threads are still where that happened."""
    alive = [thread for thread in baton.threads if not thread.ended]
    if baton.stuck == "deadlock":
        return _told(alive, lambda blocked: diagnose(blocked, _ended(baton)))
    if baton.stuck == "livelock":
        looping = {thread.label for thread in alive if thread.slot >= 0 or thread.deadline is not None}
        return _told(alive, lambda blocked: diagnose_livelock(blocked, looping, _ended(baton)))
    return None


def find_ring(baton: Baton) -> Diagnosis | None:
    """Explains which threads wait for each other's locks in a circle, whatever others do. None if there are none."""
    waiting = {
        thread: thread.waits.owner
        for thread in baton.threads
        if thread.slot < 0 and not thread.ended and thread.deadline is None and _is_for_good(thread)
    }
    for start in waiting:
        thread, steps = waiting.get(start), 0
        while thread is not None and thread is not start and steps < len(waiting):
            thread, steps = waiting.get(thread), steps + 1
        if thread is start:
            return _told(list(waiting), lambda blocked: diagnose(blocked, _ended(baton)))
    return None


def _is_for_good(thread: ControlledThread) -> bool:
    """Whether the thread waits for a lock that, as far as is known, nobody but its owner will release."""
    lock = thread.waits
    if not hasattr(lock, "owner") or getattr(lock, "origin", Origin.outside).handed:
        return False
    # A daemon may wait for ever, for somebody to release what it took itself: as good a signal as any.
    return lock.owner is not thread or thread.thread is None or not thread.thread.daemon


def _ended(baton: Baton) -> list[str]:
    return [thread.label for thread in baton.threads if thread.ended]


def _told(threads: list[ControlledThread], diagnosis: Callable[[list[BlockedThread]], Diagnosis]) -> Diagnosis:
    """The ``diagnosis`` of what is known of ``threads``; their frames are not kept."""
    blocked = [_describe(thread) for thread in threads]
    with InnermostFrames() as frames:
        for thread, described in zip(threads, blocked, strict=True):
            described.frame = frames.get(thread.ident or 0)
        try:
            return diagnosis(blocked)
        finally:
            for described in blocked:
                described.frame = None


def _describe(thread: ControlledThread) -> BlockedThread:
    resource = thread.waits if thread.waits is not None else thread.resource
    owner = getattr(resource, "owner", None)
    if owner is None and thread.kind == "join":
        owner, resource = resource, getattr(resource, "thread", resource)
    return BlockedThread(
        id=thread.label,
        name=thread.name,
        function=thread.function or "test",
        operation=thread.kind,
        resource=resource,
        holds=list(thread.held.items()),
        owner_ids=[] if owner is None else [owner.label],
    )
