"""Threads that are not controlled and run code of the user's: when they do what, no schedule says."""

from __future__ import annotations

import sys
import threading
from collections.abc import Container, Iterator
from typing import TYPE_CHECKING, Any

from pytest_racecheck.engine import current
from pytest_racecheck.engine.leftover import is_disowned
from pytest_racecheck.report.files import short_file

if TYPE_CHECKING:
    from types import CodeType, FrameType

    from pytest_racecheck.instrument.scope import Scope


def gaps(scope: Scope, controlled: Container[int | None]) -> Iterator[str]:
    """A sentence for each thread, other than those ``controlled``, that is somewhere in code of ``scope``."""
    for ident, frame in sys._current_frames().items():
        found: FrameType | None = frame
        while found is not None and not scope.wants(found.f_code):
            found = found.f_back
        if found is not None and ident not in controlled:
            yield from gap(ident, found.f_code, found.f_lineno)


def work_for(pool: Any) -> bool:
    """Whether ``pool``, a `ThreadPoolExecutor`, has threads that are not controlled."""
    thread = current.thread
    controlled = set() if thread is None else {id(each.thread) for each in thread.scheduler.threads}
    return not controlled.issuperset(map(id, getattr(pool, "_threads", ())))


def gap(ident: int, code: CodeType, line: int) -> Iterator[str]:
    """The sentence for a thread that is in ``code``; none if it is what is left of a test that is over."""
    known: Any = threading
    thread = known._active.get(ident)
    if thread is None or not is_disowned(thread):
        name = f"thread {ident}" if thread is None else thread._name
        yield f"{name}, which is not controlled, is in {short_file(code.co_filename)}:{line} meanwhile"
