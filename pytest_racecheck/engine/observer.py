"""What the engine tells, operation by operation, to whoever watches a run: a recording, or a strategy that learns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pytest_racecheck.engine.operation import Access, Kind, Site
    from pytest_racecheck.engine.thread import ControlledThread


class Observer(Protocol):
    """Told of every operation right before it happens, in the thread that carries it out."""

    @property
    def site(self) -> Site | None:
        """Where the operation stands that was told last, if the observer finds that out."""

    def operation(self, thread: ControlledThread, kind: Kind, resource: object) -> None:
        """``thread`` carries out its next operation now; if it is one on memory, `access` follows."""

    def access(self, thread: ControlledThread, access: Access, owner: object, key: object) -> None:
        """``thread`` carries out an access to memory now; its ``location`` says where."""

    def switch(self, source: ControlledThread, target: ControlledThread, can_go_on: bool) -> None:
        """The baton goes to ``target``; a preemption if ``source`` could have gone on."""

    def started(self, parent: ControlledThread, child: ControlledThread) -> None:
        """``parent`` starts ``child``."""

    def woken(self, thread: ControlledThread) -> None:
        """``thread`` can go on because its time is up, which it is only when nobody else could."""

    def deadlock(self, threads: list[ControlledThread]) -> None:
        """None of ``threads`` can ever go on; those that wait for something say so in ``waits``."""

    def clock_read(self, thread: ControlledThread) -> None:
        """``thread`` looks at the clock."""
