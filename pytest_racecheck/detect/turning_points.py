"""Where a switch says most of what went wrong: right after the check, the read or the publication that it came after.

Often one switch does its harm anywhere between two places, and the search happens to find the last of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_racecheck.detect import links
from pytest_racecheck.detect.early_use import publication
from pytest_racecheck.detect.patterns import find_clash

if TYPE_CHECKING:
    from pytest_racecheck.detect.events import Event, Trace


def turning_points(trace: Trace) -> list[Event]:
    """Events right after which the switch of their thread may say more than where it was, the most telling first."""
    clash = find_clash(trace)
    if clash is None or len(clash.accesses) < 2:
        return []
    first, last = clash.accesses[0], clash.accesses[-1]
    if first.thread != last.thread:
        return publication(trace, first, last)[:1]
    turn = next((turn for turn in trace.turns if turn.source == first.thread and turn.before > first.n), None)
    if turn is None or not turn.preempted:
        return []
    looks = (
        e for e in reversed(trace.events[: turn.before]) if e.thread == last.thread and e.reads and e.overlaps(last)
    )
    check = next((look for look in looks if links.is_check(look, last) or links.decides(look, last)), first)
    return [check] if check is first else [check, first]
