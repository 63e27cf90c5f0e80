"""What is ordered by more than chance: the happens-before order of one run that is there as events.

An event comes before another if it does so in its thread, or by the start or join of a thread, or because the one
released what the other acquired afterwards. The clocks are those of `pytest_racecheck.detect.clocks`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_racecheck.detect.clocks import Clocks, knows

if TYPE_CHECKING:
    from pytest_racecheck.detect.clocks import Clock
    from pytest_racecheck.detect.events import Event

#: Operations that take what others gave. A failed attempt counts as well: what it showed came from the others. That
#: can hide a race, never make one up.
TAKES: Final = frozenset(("acquire", "try-acquire", "get", "try-get", "read", "file"))

#: Operations that give to those who take later.
GIVES: Final = frozenset(("release", "put", "end", "file"))


class Order:
    """The order of the events of one run, which are told one by one as they happened."""

    def __init__(self) -> None:
        self.clocks = Clocks()
        self._numbers: dict[str, int] = {}
        #: By the number of the event: its thread, its epoch, and what it knows of the others.
        self._times: dict[int, tuple[int, int, Clock]] = {}

    def add(self, event: Event) -> None:
        """``event`` happens now."""
        clocks, thread = self.clocks, self.number(event.thread)
        if event.kind == "join":
            clocks.take(thread, event.child)
        elif event.kind in TAKES and not event.memory:
            clocks.take(thread, event.identity)
        clock = clocks.now[thread]
        self._times[event.n] = thread, clock[thread], clock
        if event.kind == "start" and event.child:
            clocks.begin(self.number(event.child), thread)
        elif event.kind == "end":
            clocks.give(thread, event.thread)  # who joins it names the thread, who looks whether it is alive the object
            clocks.give(thread, event.identity)
        elif event.kind in GIVES:
            clocks.give(thread, event.identity)

    def before(self, first: Event, second: Event) -> bool:
        """Whether ``first`` comes before ``second`` in every run that synchronises in the same order."""
        thread, epoch, _ = self._times[first.n]
        other, _, clock = self._times[second.n]
        return first.n <= second.n if thread == other else knows(clock, thread, epoch)

    def unordered(self, first: Event, second: Event) -> bool:
        """Whether nothing orders the two."""
        return not self.before(first, second) and not self.before(second, first)

    def number(self, thread: str) -> int:
        """The number of a thread in the clocks."""
        number = self._numbers.get(thread)
        if number is None:
            number = self._numbers[thread] = len(self._numbers)
            self.clocks.begin(number)
        return number


def order_of(events: list[Event]) -> Order:
    """The order of all events of a run."""
    order = Order()
    for event in events:
        order.add(event)
    return order
