"""What an interleaving leaves behind once its fixtures are gone: threads that still run, locks that nobody gives back.

A thread counts if the interpreter would wait for it: one that was made a daemon may go on by intention, and a worker of
a pool that has nothing to do ends with its pool. A lock counts if the thread that took it, and waited for it, has
ended: who only tried may use it as a mark ("the first to get it does the work"), a lock that others give back is a
signal, and what the main thread took only matters if the lock is older than the test.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.detect.stacks import InnermostFrames, library_name, outward, report_stack
from pytest_racecheck.detect.wording import at
from pytest_racecheck.engine.names import Names, lock_expression
from pytest_racecheck.engine.places import is_users
from pytest_racecheck.primitives.origin import Origin
from pytest_racecheck.report.model import Finding, FindingSite

if TYPE_CHECKING:
    from pytest_racecheck.engine.operation import Site
    from pytest_racecheck.engine.scheduler import Scheduler
    from pytest_racecheck.engine.thread import ControlledThread

_POOL: Final = ("concurrent/futures/thread.py", "_worker")
_TASK: Final = ("concurrent/futures/thread.py", "_WorkItem.run")


def leaks(scheduler: Scheduler, marks: set[object], starts: dict[int, Site | None]) -> Iterator[Finding]:
    """What is left.

    ``marks`` are locks that serve as a signal or a mark, ``starts`` the places where threads were started, by index.
    """
    with InnermostFrames() as frames:
        for thread in scheduler.threads[1:]:
            if not thread.ended and not _may_stay(thread, frames.get(thread.ident or 0)):
                yield _thread(thread, frames.get(thread.ident or 0), starts.get(thread.index))
    for thread in scheduler.threads:
        for lock in list(thread.held):
            old = lock.origin is Origin.outside
            if lock not in marks and (old if thread is scheduler.main else thread.ended):
                yield _lock(lock, thread)


def _may_stay(thread: ControlledThread, frame: Any) -> bool:
    if thread.thread is None or thread.thread.daemon or frame is None:
        return True
    known = [(library_name(each.f_code.co_filename), each.f_code.co_qualname) for each in outward(frame)]
    return _POOL in known and _TASK not in known


def _thread(thread: ControlledThread, frame: Any, start: Site | None) -> Finding:
    stack = report_stack(frame)
    function = thread.function or "test"
    site = FindingSite(thread.label, function, thread.kind, "", 0, "")
    started = where = ""
    if start is not None:
        started = f" at {at(start.file, start.line)}"
        site = FindingSite(thread.label, function, "start", start.file, start.line, start.source, start.function)
    if stack:
        last = stack[-1]
        if start is None or is_users(last.file):
            where = f", at {at(last.file, last.line)}"
            site = FindingSite(thread.label, function, thread.kind, last.file, last.line, last.source, last.function)
    text = f"leak: thread {thread.name}, started{started} with {function}, still runs when the test is over{where}"
    return Finding("leak", thread.name, text, [site])


def _lock(lock: Any, thread: ControlledThread) -> Finding:
    function, taken, where = thread.function or "test", thread.held.get(lock), ""
    name = Names().of_lock(lock, thread.scheduler, None, lock_expression(taken) or "a lock")
    site = FindingSite(thread.label, function, "acquire", "", 0, "")
    if taken is not None:
        site = FindingSite(thread.label, function, "acquire", taken.file, taken.line, taken.source, taken.function)
        where = f" taken at {at(taken.file, taken.line)}"
    who = "the test" if thread.path == "0" else f"{thread.label}, which ran {function} and has ended,"
    return Finding(
        "leak", name, f"leak: {who} still holds {name}{where and f',{where},'} when the test is over", [site]
    )
