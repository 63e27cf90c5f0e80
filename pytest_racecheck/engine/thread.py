"""A controlled thread, as the scheduler sees it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.engine import real

if TYPE_CHECKING:
    from pytest_racecheck.engine.carriers import Handle
    from pytest_racecheck.engine.loops import ClockLoop
    from pytest_racecheck.engine.memory import Location
    from pytest_racecheck.engine.operation import Kind
    from pytest_racecheck.engine.scheduler import Scheduler
    from pytest_racecheck.engine.spinning import Moment
    from pytest_racecheck.engine.told import Watch


#: After so many operations of all threads together, time may have passed for those who wait for it.
WORK: Final = 20_000


class ControlledThread:
    """One thread of a run: the real thread, its gate, and what it is about to do.

    ``path`` names it across runs: the main thread is "0", the second thread that it starts "0.2", and so on. ``ops``
    counts its operations, whether they were scheduling points or not, so that a point of a run is named by
    ``(path, ops)`` no matter which accesses counted as shared at the time.
    """

    __slots__ = (
        "also",
        "asleep_since",
        "atomic",
        "attempt",
        "attention",
        "carried",
        "caught_up",
        "children",
        "deadline",
        "ended",
        "function",
        "gate",
        "held",
        "ident",
        "idle",
        "index",
        "item",
        "joined",
        "joiners",
        "kind",
        "limit",
        "location",
        "looks",
        "moment",
        "name",
        "naps",
        "native_id",
        "ops",
        "path",
        "priority",
        "quiet",
        "resource",
        "scheduler",
        "slot",
        "spent",
        "state_hash",
        "stint",
        "switchable",
        "thread",
        "timed_loop",
        "tired",
        "turn",
        "turned",
        "turns",
        "unwinding",
        "vain",
        "waits",
        "watch",
    )

    def __init__(self, scheduler: Scheduler, index: int, path: str, name: str, function: str) -> None:
        self.scheduler = scheduler
        self.index = index
        self.path = path
        self.name = name
        self.function = function
        self.gate = real.allocate_lock()
        self.gate.acquire()
        self.ident: int | None = None
        #: As the system knows it; 0 while it is not known.
        self.native_id = 0
        #: In place of a thread of the system of its own: what tells when it has ended. It begins with the baton then.
        self.carried: Handle | None = None
        self.thread: threading.Thread | None = None
        self.ops = 0
        self.children = 0
        #: What it is about to do, or is blocked in.
        self.kind: Kind = "begin"
        self.resource: Any = None
        #: Where in memory, when it is an access: ``item`` names an item of a container, None is all of the location;
        #: ``also`` is a second location that is read.
        self.location: Location | None = None
        self.item: object = None
        self.also: Location | None = None
        #: Place in the scheduler's list of enabled threads; -1 while it is blocked, parked for good, or ended.
        self.slot = -1
        #: The resource, when it is blocked on one or parked right before taking it.
        self.waits: Any = None
        self.deadline: int | None = None
        #: How many operations all threads had done in this run when it began to wait for its deadline.
        self.asleep_since = 0
        #: How long it would have waited at the most for what it took last, in nanoseconds; None: for good.
        self.limit: int | None = None
        #: Stand-in locks that it holds, each with the site where it took it (None unless the run is recorded).
        self.held: dict[Any, Any] = {}
        self.joiners: list[ControlledThread] = []
        self.ended = False
        #: Some thread has waited for its end, so that what that one does from then on comes after all of it.
        self.joined = False
        #: Above zero: stand-ins and instrumentation treat it like any uncontrolled thread.
        self.quiet = 0
        #: Above zero: no preemption (``racecheck.atomic()``).
        self.atomic = 0
        #: The next scheduling point takes the slow path: the run is over, or somebody needs the baton.
        self.attention = False
        #: 0: lives; 1: Unwind is to be raised in it; above: it was, and this many operations of clean-up followed.
        self.unwinding = 0
        #: When it last got the baton, in hand-overs since the run began.
        self.turn = 0
        #: The number of its operation with which it got the baton, and of the one at which the clock is to be asked, if
        #: it goes on until then.
        self.stint = 0
        self.tired = WORK
        #: It has worked on for so long that it gives way at its next scheduling point.
        self.spent = False
        #: How long it has gone on without doing anything that another thread could notice (see scheduler).
        self.idle = 0
        #: How often it has slept since it last did anything like that, waited until its time was up, or was seen to
        #: only wait.
        self.naps = 0
        #: Together with ``idle``: what all its looks, sleeps and time-outs since then come to.
        self.vain = 0
        #: What it last tried to take in vain, and the state that this was in.
        self.attempt: tuple[object, int] | None = None
        #: When it was last looked at for that.
        self.moment: Moment | None = None
        #: How often it has looked at a clock in this run; the call and the loop in which such a look last decided
        #: whether the loop goes on, how often it did so there, and whether it did so since the clock last went on
        #: because of that. Whether it waited for others to do something since then.
        self.looks = 0
        self.timed_loop: tuple[int, ClockLoop] | None = None
        self.turns = 0
        self.turned = False
        self.caught_up = False
        #: While it is found out whether it works until it is told to stop.
        self.watch: Watch | None = None
        #: Under the `gil` model: the interpreter could have switched since the last visible operation.
        self.switchable = True
        #: Scratch space of the strategy.
        self.priority = 0.0
        #: Names its past up to the order of independent operations.
        self.state_hash = index

    def __repr__(self) -> str:
        return f"<{self.label} {self.name}>"

    @property
    def label(self) -> str:
        """How reports name it: "main", "T1", "T2", ..., "T1.1" for a thread that T1 started."""
        return "main" if self.path == "0" else "T" + self.path[2:]


class Ready(list[ControlledThread]):
    """The enabled threads, in an order that the schedule alone determines. ``grown`` counts the additions."""

    __slots__ = ("grown",)

    def __init__(self) -> None:
        super().__init__()
        self.grown = 0
