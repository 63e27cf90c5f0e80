"""A thread of a run under stress: what it waits for and holds, and the last things that it did."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.engine import real
from pytest_racecheck.engine.errors import Unwind
from pytest_racecheck.engine.places import is_users, site_of

if TYPE_CHECKING:
    import threading

    from pytest_racecheck.engine.operation import Access, Site
    from pytest_racecheck.stress.run import StressRun

#: So many operations of each thread are kept for the report.
RECENT: Final = 12

#: A thread that waits looks up after so many real seconds: whether the run is over, and to testify that it still waits.
SLICE: Final = 0.02

#: Clean-up code of a thread that unwinds may wait this long, and do so many operations, before it is cut short, too.
CLEAN_UP_SECONDS: Final = 0.2
CLEAN_UP_OPERATIONS: Final = 10_000


class StressThread:
    """One real thread. All that it does goes through here on its way to the originals.

    ``waits``: the lock, queue or thread that it waits for, ``timed`` if not for good. ``beats`` counts the times that
    it looked up and still had to wait; ``ops`` its operations, and the waits that have ended.
    """

    def __init__(self, run: StressRun, index: int, path: str, name: str, function: str) -> None:
        self.run = run
        self.index = index
        self.path = path
        self.name = name
        self.function = function
        self.thread: threading.Thread | None = None
        self.ident: int | None = None
        self.native_id = 0
        self.random = Random(f"{run.seed}:{path}")
        #: Held back until its siblings have been started as well.
        self.gate: Any = None
        self.kind = "begin"
        self.ops = 0
        self.children = 0
        self.beats = 0
        self.waits: Any = None
        self.timed = False
        self.sleeps = False
        self.held: dict[Any, Site | None] = {}
        self.hits: dict[object, int] = {}
        #: Number among all operations of the run, kind, access, site.
        self.recent: deque[tuple[int, str, Access | None, Site | None]] = deque(maxlen=RECENT)
        #: Seconds of sleep that it may still be made to take.
        self.allowance = run.plan.allowance
        #: Above zero: it is left alone.
        self.quiet = 0
        #: Above zero: inside of ``racecheck.atomic()``.
        self.atomic = 0
        self.unwinding = 0
        self.ended = False

    @property
    def label(self) -> str:
        """How reports name it."""
        return "main" if self.path == "0" else "T" + self.path[2:]

    @property
    def scheduler(self) -> StressRun:
        """For stand-ins that find a lock which was taken under stress, and release it outside."""
        return self.run

    @property
    def daemon(self) -> bool:
        """Whether the interpreter would not wait for it."""
        return self.thread is not None and self.thread.daemon

    def reach(self, kind: str) -> None:
        """A scheduling point before an operation of the library. Raises Unwind when the run is over."""
        site = site_of(sys._getframe(1))
        self.ops += 1
        self.kind = kind
        run = self.run
        self.recent.append((next(run.numbers), kind, None, site))
        if run.over is not None:
            self.unwind()
        if run.pending and kind != "start":
            run.open_gates()
        run.press(self, (kind, site), bool(self.held) or kind not in ("start", "join"))
        if run.inside is not None:
            run.hold_off(self)

    def access(self, access: Access) -> None:
        """A scheduling point before an access to memory. Raises Unwind when the run is over."""
        self.ops += 1
        run = self.run
        if is_users(access.site.file):
            self.recent.append((next(run.numbers), access.kind, access, access.site))
        if run.over is not None:
            self.unwind()
        if run.pending:
            run.open_gates()
        run.press(self, access, access.shared or access in run.learnt.places)
        if run.inside is not None:
            run.hold_off(self)

    def wait(self, resource: object, attempt: Callable[[float], bool], seconds: float | None) -> bool:
        """Waits for ``resource``, at most so many real ``seconds`` (None: for good). Returns whether it was had.

        ``attempt`` blocks at most as long as it is told and says whether it succeeded. Raises Unwind when the run is
        over.
        """
        run = self.run
        deadline = None
        if seconds is not None:
            deadline = real.monotonic() + seconds
            run.uses_time(seconds)
        self.timed = deadline is not None
        self.waits = resource
        patience = CLEAN_UP_SECONDS
        self.quiet += 1  # the library's own code in an attempt is no operation of the test
        try:
            while True:
                rest = SLICE if deadline is None else min(SLICE, deadline - real.monotonic())
                if attempt(max(0.0, rest)):
                    return True
                self.beats += 1
                if deadline is not None and real.monotonic() >= deadline:
                    run.late(real.monotonic() - deadline)
                    return False
                if run.over is not None:
                    if not self.unwinding or patience <= 0:
                        self.unwinding = max(1, self.unwinding)
                        raise Unwind
                    patience -= SLICE
        finally:
            self.quiet -= 1
            self.waits = None
            self.ops += 1

    def sleep(self, seconds: float) -> None:
        """Sleeps in real time. Raises Unwind when the run is over."""
        self.reach("sleep")
        run = self.run
        run.uses_time(seconds)
        deadline = real.monotonic() + seconds
        self.sleeps = True
        try:
            while (rest := deadline - real.monotonic()) > 0:
                real.sleep(min(rest, SLICE))
                if run.over is not None and not self.unwinding:
                    self.unwind()
        finally:
            self.sleeps = False
        run.late(real.monotonic() - deadline)

    def unwind(self) -> None:
        """The run is over for this thread: raises Unwind once, and again if its clean-up takes too long."""
        self.unwinding += 1
        if self.unwinding == 1 or self.unwinding > CLEAN_UP_OPERATIONS:
            raise Unwind
