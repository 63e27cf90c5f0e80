"""Data races: two accesses to the same place, one of them a write, that nothing orders.

After FastTrack (Flanagan & Freund 2009): for each place the last write is kept, and the reads since then that no other
read comes after. A pair that an earlier one hides is found when that earlier one is mended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_racecheck.detect.happens_before import Order

if TYPE_CHECKING:
    from pytest_racecheck.detect.events import Event


class _Place:
    """The accesses to one place in memory that later ones have to be compared with."""

    __slots__ = ("reads", "write")

    def __init__(self) -> None:
        self.write: Event | None = None
        self.reads: list[Event] = []


def data_races(events: list[Event]) -> list[tuple[Event, Event]]:
    """Pairs of accesses in the order of their second one, one for each two places in the source."""
    order = Order()
    places: dict[int, dict[str | None, _Place]] = {}
    found: dict[object, tuple[Event, Event]] = {}
    for event in events:
        order.add(event)
        if not event.memory or not event.exact:
            continue
        items = places.setdefault(event.identity, {})
        # The whole of a container conflicts with each of its items.
        others = items.values() if event.item is None else [items[i] for i in (event.item, None) if i in items]
        for place in others:
            for earlier in _races(place, event, order):
                sites = frozenset((earlier.line, event.line))
                found.setdefault((event.identity, sites), (earlier, event))
        _remember(items.setdefault(event.item, _Place()), event, order)
    return list(found.values())


def _races(place: _Place, event: Event, order: Order) -> list[Event]:
    known = [] if place.write is None else [place.write]
    if event.writes:
        known += place.reads
    return [each for each in known if each.thread != event.thread and not order.before(each, event)]


def _remember(place: _Place, event: Event, order: Order) -> None:
    if event.writes:
        place.write = event
        place.reads = []
    else:
        place.reads = [each for each in place.reads if not order.before(each, event)] + [event]
