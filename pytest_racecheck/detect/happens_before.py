"""What is ordered by more than chance: the happens-before order of one run, as vector clocks (Mattern 1989).

An event comes before another if it does so in its thread, or by the start or join of a thread, or because the one
released what the other acquired afterwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pytest_racecheck.detect.events import Event

#: Thread by thread, how many of its events are known to have happened. Never changed once made.
Clock = dict[str, int]

#: A failed attempt counts as well: what it showed came from the others. That can hide a race, never make one up.
_TAKES: Final = frozenset(("acquire", "try-acquire", "get", "try-get", "read"))
_GIVES: Final = frozenset(("release", "put", "end"))


class Order:
    """The order of the events of one run, which are told one by one as they happened."""

    def __init__(self) -> None:
        # A thread's clock changes only where it learns of others; events between share it, each with its own number.
        self._times: dict[int, tuple[Clock, int]] = {}
        self._clocks: dict[str, Clock] = {}
        self._counts: dict[str, int] = {}
        self._objects: dict[int, Clock] = {}

    def add(self, event: Event) -> None:
        """``event`` happens now."""
        thread = event.thread
        clock = self._clocks.get(thread, {})
        if event.kind == "join":
            clock = _merged(clock, self._now(event.child))
        elif event.kind in _TAKES and not event.memory:
            clock = _merged(clock, self._objects.get(event.identity, {}))
        self._clocks[thread] = clock
        count = self._counts[thread] = self._counts.get(thread, 0) + 1
        self._times[event.n] = clock, count
        if event.kind == "start":
            self._clocks[event.child] = _merged(self._clocks.get(event.child, {}), self._now(thread))
        elif event.kind in _GIVES:
            self._objects[event.identity] = _merged(self._objects.get(event.identity, {}), self._now(thread))

    def before(self, first: Event, second: Event) -> bool:
        """Whether ``first`` comes before ``second`` in every run that synchronises in the same order."""
        count = self._times[first.n][1]
        clock, own = self._times[second.n]
        known = own if first.thread == second.thread else clock.get(first.thread, 0)
        return known >= count

    def unordered(self, first: Event, second: Event) -> bool:
        """Whether nothing orders the two."""
        return not self.before(first, second) and not self.before(second, first)

    def _now(self, thread: str) -> Clock:
        return self._clocks.get(thread, {}) | {thread: self._counts.get(thread, 0)}


def order_of(events: list[Event]) -> Order:
    """The order of all events of a run."""
    order = Order()
    for event in events:
        order.add(event)
    return order


def _merged(clock: Clock, other: Clock) -> Clock:
    if all(clock.get(thread, 0) >= count for thread, count in other.items()):
        return clock
    return clock | {thread: max(count, clock.get(thread, 0)) for thread, count in other.items()}
