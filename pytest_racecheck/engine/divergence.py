"""Where two runs of one schedule first differ: what is not determined by the schedule shows there."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from pytest_racecheck.detect.wording import at

if TYPE_CHECKING:
    from pytest_racecheck.detect.events import Event
    from pytest_racecheck.engine.recorder import Recording


def first_difference(one: Recording | None, other: Recording | None) -> str:
    """Where the two differ first, empty when they are alike."""
    if one is None or other is None:
        return ""
    for first, second in zip_longest(one.events, other.events):
        if first is None or second is None or _what(first) != _what(second):
            event = first or second
            site = event.site
            where = f" `{site.source}` at {at(site.file, site.line)}" if site is not None else ""
            values = "" if first is None or second is None else _values(first, second)
            return f"the {event.kind}{where} ({event.thread}{values})"
    return ""


def _values(first: Event, second: Event) -> str:
    same = (first.thread, first.kind, first.site) == (second.thread, second.kind, second.site)
    if not same or first.before is None or second.before is None:
        return ""
    return f", {first.before} in one and {second.before} in the other"


def _what(event: Event) -> tuple[object, ...]:
    return event.thread, event.kind, event.site, event.item, event.before
