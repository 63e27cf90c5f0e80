"""Counts the operations of each group that each thread does, and expects as many of the next run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_racecheck.engine import current
from pytest_racecheck.engine.operation import Access
from pytest_racecheck.strategy.groups import Groups
from pytest_racecheck.strategy.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from pytest_racecheck.engine.operation import Kind
    from pytest_racecheck.engine.thread import ControlledThread

#: Stands for the group of all operations.
ALL: Final = "everything"

#: Numbers of operations are means over so many runs, about.
_MEMORY: Final = 20

#: Operations that only show that the one that was meant has to wait, or that it was waited for too long.
IN_VAIN: Final = frozenset(("block", "timeout"))


class Tally(Watch):
    """Watches every run."""

    def __init__(self) -> None:
        self.groups = Groups()
        #: The mean so far, by group and path of the thread, and of how many runs.
        self._means: dict[Hashable, dict[str, tuple[float, int]]] = {}
        self._done: dict[Hashable, dict[str, int]] = {ALL: {}}

    def begin(self) -> None:
        """A new run."""
        self.groups.begin()
        self._done = {ALL: {}}

    def operation(self, thread: ControlledThread, kind: Kind, resource: object) -> None:
        """One more of its group, unless it comes before or after all that others do."""
        if not current.concurrent or kind in IN_VAIN or (isinstance(resource, Access) and not resource.shared):
            return
        group = self.groups.of(thread)
        if group is not None:
            self.groups.note(group, thread)
            for each in (group, ALL):
                done = self._done.setdefault(each, {})
                done[thread.path] = done.get(thread.path, 0) + 1

    def end(self) -> None:
        """The run is over."""
        self._means = {group: means for group, means in self._means.items() if self.groups.is_current(group)}
        for group in self._done:
            self._means.setdefault(self.groups.now(group), {})
        for group, means in self._means.items():
            done = self._done.get(group, {})
            for path in self._done[ALL]:
                mean, runs = means.get(path, (0.0, 0))
                runs = min(runs + 1, _MEMORY)
                means[path] = (mean + (done.get(path, 0) - mean) / runs, runs)

    def candidates(self) -> list[Hashable]:
        """The groups in which the order can matter, and all operations together."""
        return [group for group in self._means if group is ALL or self.groups.matters(group)] or [ALL]

    def left(self, group: Hashable) -> Iterator[tuple[str, float]]:
        """How many operations of ``group`` each thread, by path, is expected to do from now on in this run."""
        done = self._done.get(group, {})
        for path, (mean, _) in self._means.get(group, {}).items():
            if mean > done.get(path, 0):
                yield path, mean - done.get(path, 0)
