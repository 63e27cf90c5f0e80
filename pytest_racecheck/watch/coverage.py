"""In which orders conflicting lines of threads were seen to touch the same thing, in the interleavings watched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_racecheck.detect.code import code_at
from pytest_racecheck.engine.names import container_name
from pytest_racecheck.engine.places import is_users
from pytest_racecheck.report.model import CodeLine, Coverage, OrderedPair

if TYPE_CHECKING:
    from pytest_racecheck.engine.operation import Access
    from pytest_racecheck.engine.thread import ControlledThread

#: So many pairs of instructions are kept, and so many pairs of lines are told.
_KEPT: Final = 5_000
_TOLD: Final = 200

_MANY: Final = -1

Line = tuple[str, int]


class Orders:
    """Told of every access to shared memory; `begin` frames a run."""

    def __init__(self) -> None:
        #: The first came before the second.
        self._orders: set[tuple[Access, Access]] = set()
        self.watched = 0
        self.begin()

    def begin(self) -> None:
        """A new run."""
        #: What touched each thing so far: the instructions, each with the thread that did, or _MANY.
        self._touched: dict[object, dict[Access, int]] = {}
        self._visits: dict[tuple[object, Access, int], int] = {}

    def access(self, thread: ControlledThread, access: Access) -> None:
        """``thread`` is about to carry out an access to an object that is known."""
        where: object = thread.location
        if access.container and thread.item is not None:
            where = (where, thread.item)
        touched = self._touched.get(where)
        if touched is None:
            touched = self._touched[where] = {}
        number = thread.index
        visit = (where, access, number)
        if self._visits.get(visit) == len(touched):
            return
        orders, writes = self._orders, access.writes
        for other, who in touched.items():
            if who != number and (writes or other.writes) and len(orders) < _KEPT:
                orders.add((other, access))
        touched[access] = number if touched.get(access, number) == number else _MANY
        self._visits[visit] = len(touched)

    def coverage(self) -> Coverage:
        """All pairs of lines of the user's."""
        pairs: dict[tuple[str, Line, Line], bool] = {}
        for first, second in self._orders:
            one, two = first.site[:2], second.site[:2]
            if is_users(one[0]) and is_users(two[0]):
                pairs[container_name(second) if second.container else second.name, one, two] = True
        told: dict[tuple[str, Line, Line], bool] = {}
        for name, one, two in sorted(pairs):
            if (name, two, one) not in told:
                told[name, one, two] = one == two or (name, two, one) in pairs
        both = sum(told.values())
        shown = sorted(told, key=lambda pair: told[pair])[:_TOLD]
        listed = [OrderedPair(name, _line(one), _line(two), told[name, one, two]) for name, one, two in shown]
        return Coverage(self.watched, both, len(told) - both, listed)


def _line(line: Line) -> CodeLine:
    return CodeLine(*line, code_at(*line).strip())
