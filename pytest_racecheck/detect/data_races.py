"""Data races of one run that is there as events; `pytest_racecheck.detect.fasttrack` says what counts as one.

A pair that an earlier one hides is found when that earlier one is mended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_racecheck.detect.fasttrack import FastTrack
from pytest_racecheck.detect.happens_before import Order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_racecheck.detect.events import Event
    from pytest_racecheck.detect.fasttrack import Earlier


def data_races(events: list[Event]) -> list[tuple[Event, Event]]:
    """Pairs of accesses in the order of their second one, one for each two places in the source."""
    order = Order()
    track = FastTrack(order.clocks)
    found: dict[object, tuple[Event, Event]] = {}
    for event in events:
        order.add(event)
        if event.memory and event.exact:
            for _, earlier in _racing(track, order.number(event.thread), event):
                sites = frozenset((earlier.line, event.line))
                found.setdefault((event.identity, sites), (earlier, event))
    return list(found.values())


def _racing(track: FastTrack, thread: int, event: Event) -> Sequence[Earlier]:
    if not event.container:
        return track.variable(thread, event.identity, event.writes, (event.line, event.kind), event)
    if event.item is not None and event.kind != "update":
        return track.item(thread, event.identity, event.item, event.writes, (event.line, event.kind), event)
    track.operation(thread, event.identity, event.writes)
    return ()
