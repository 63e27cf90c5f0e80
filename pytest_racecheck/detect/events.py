"""One run as plain data, operation by operation: what the detectors read, and nothing of the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pytest_racecheck.engine.operation import Site
    from pytest_racecheck.report.model import Frame

#: An ``identity`` for events that touch nothing.
NOTHING: Final = 0


@dataclass(slots=True)
class Event:
    """What one thread did at one moment.

    ``identity`` is a number for the lock, the place in memory or the thread that it was done to: events with the same
    one touched the same thing. ``memory``: an access to memory (a "read" may also be a look at a lock); ``container``:
    to one of the built-in ones, ``item`` says which item of it, None the whole. ``exact``: it is known which object was
    touched, not only the name.
    ``holds``: the locks that the thread held. ``child``: the thread that a "start" starts or a "join" waited for.
    ``call``: the library's method that this is a part of ("wait" of a Condition), ``subject`` the name of its object.
    ``inside``: an access to memory by code of the standard library.
    """

    n: int
    thread: str
    kind: str
    resource: str
    identity: int = NOTHING
    site: Site | None = None
    memory: bool = False
    item: str | None = None
    exact: bool = True
    holds: tuple[str, ...] = ()
    before: str | None = None
    after: str | None = None
    child: str = ""
    call: str = ""
    subject: str = ""
    stack: tuple[Frame, ...] = ()
    container: bool = False
    inside: bool = False

    @property
    def writes(self) -> bool:
        """Whether it may change memory."""
        return self.memory and self.kind != "read"

    @property
    def reads(self) -> bool:
        """Whether it looks at memory."""
        return self.memory and self.kind != "write"

    @property
    def line(self) -> tuple[str, int]:
        """File and line."""
        return (self.site.file, self.site.line) if self.site is not None else ("", 0)

    def overlaps(self, other: Event) -> bool:
        """Whether both touch the same place in memory."""
        if not (self.memory and other.memory) or self.identity != other.identity:
            return False
        return self.item is None or other.item is None or self.item == other.item

    def conflicts(self, other: Event) -> bool:
        """Whether both touch the same place in memory, in two threads, and at least one of them writes."""
        return self.thread != other.thread and (self.writes or other.writes) and self.overlaps(other)


@dataclass(slots=True)
class Turn:
    """The baton went from one thread to another before event ``before`` of the run.

    ``preempted``: the thread could have gone on; ``forced``: it had gone on or looked for so long that it gave way.
    ``reason``: why it did not, in plain words; ``{}`` in it stands for ``subject``, the name of what it waits for.
    """

    before: int
    source: str
    target: str
    preempted: bool
    reason: str = ""
    site: Site | None = None
    subject: str = ""
    forced: bool = False

    @property
    def why(self) -> str:
        """The whole reason."""
        return self.reason.replace("{}", self.subject) if self.subject else self.reason


@dataclass(slots=True)
class Trace:
    """One run. ``thrown``: the exception that ended it (its type's name and text), in the thread ``thrower``."""

    events: list[Event]
    turns: list[Turn]
    thrower: str = ""
    thrown: str = ""
    thrown_text: str = ""
    thrown_at: Frame | None = None

    def shared(self) -> set[int]:
        """The places in memory that two threads touched, at least one of them writing."""
        first: dict[int, Event] = {}
        many: set[int] = set()
        written: set[int] = set()
        for event in self.events:
            if event.memory:
                if first.setdefault(event.identity, event).thread != event.thread:
                    many.add(event.identity)
                if event.writes:
                    written.add(event.identity)
        return many & written
