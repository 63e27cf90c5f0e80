"""An observer that takes no notice of anything: for strategies that want to be told of a few things only."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_racecheck.engine.operation import Access, Kind, Site
    from pytest_racecheck.engine.thread import ControlledThread


class Watch:
    """Every method does nothing."""

    site: Site | None = None

    def operation(self, thread: ControlledThread, kind: Kind, resource: object) -> None:
        """An operation."""

    def access(self, thread: ControlledThread, access: Access, owner: object, key: object) -> None:
        """An access to memory, after its `operation`."""

    def switch(self, source: ControlledThread, target: ControlledThread, can_go_on: bool) -> None:
        """Another thread goes on."""

    def started(self, parent: ControlledThread, child: ControlledThread) -> None:
        """A new thread."""

    def woken(self, thread: ControlledThread) -> None:
        """Its time is up."""

    def deadlock(self, threads: list[ControlledThread]) -> None:
        """None of them can go on."""

    def clock_read(self, thread: ControlledThread) -> None:
        """A look at the clock."""
