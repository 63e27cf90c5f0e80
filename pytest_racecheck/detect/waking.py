"""Threads that wait for a notification that does not come: why they wait, and what became of the notifications."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from pytest_racecheck.detect import links
from pytest_racecheck.detect.clash import LOST_WAKE_UP, Clash, changes
from pytest_racecheck.detect.code import code_at, notification_in
from pytest_racecheck.detect.wording import at, did, place

if TYPE_CHECKING:
    from pytest_racecheck.detect.events import Event, Trace

#: Reads before a wait, at the most, of which one may have decided on it.
_LOOKS: Final = 20

#: So many of the threads that changed what was waited for are named.
_CHANGERS: Final = 3

_NOBODY: Final = "nobody waits"

_NOTIFIES: Final = re.compile(r"\.notify(_all)?\(")


def find_lost_wake_up(trace: Trace, waiting: list[str]) -> Clash | None:
    """For a run that ended with the threads ``waiting`` for a notification, as `with_notifications` tells it.

    The look that made one of them wait, with what changed afterwards: before the thread waited if there is such a
    change, else while it did. Or a notification that nobody heard, because the thread came to wait only later.
    """
    late: Clash | None = None
    for thread in waiting:
        mine = [event for event in trace.events if event.thread == thread]
        waits = next((event for event in reversed(mine) if event.kind == "block"), None)
        look = None if waits is None else _look_before(waits, mine, trace)
        if waits is None:
            continue
        if look is None:
            late = late or _unheard(waits, trace)
            continue
        because = f"{thread} waits because of what it read at {place(look)}"
        writes = [e for e in trace.events[look.n :] if e.writes and e.conflicts(look) and changes(e)]
        early = next((write for write in writes if write.n < waits.n), None)
        if early is not None:
            since = trace.events[early.n : waits.n]
            told = next((e for e in since if e.thread == early.thread and _is_unheard(e, waits)), None)
            rest = (
                f", and no one is left to notify {thread} of that."
                if told is None
                else f" and notified at {place(told)}, when nobody waited yet."
            )
            return Clash([look, early], f"{because}; before it waited, {did(early)}{rest}", LOST_WAKE_UP)
        last = list({write.thread: write for write in writes}.values())[:_CHANGERS]
        # Else all is as it was, and there was nothing to tell.
        if late is None and writes and writes[-1].after != look.before:
            text = f"{because}; since then, {', '.join(map(did, last))}, and nobody woke {thread}."
            late = Clash([look, *sorted(last, key=_number)], text, LOST_WAKE_UP)
    return late


def _unheard(waits: Event, trace: Trace) -> Clash | None:
    for event in reversed(trace.events[: waits.n]):
        if event.resource != waits.subject or event.thread == waits.thread:
            continue
        if event.kind == "notify" and event.after != _NOBODY:
            return None
        line = event.line[1] if event.kind == "notify" else 0
        if event.kind == "acquire" and event.call == "acquire":
            line = notification_in(*event.line)
        if line:
            where = f"{event.thread} notified at {at(event.line[0], line)}, when nobody waited"
            return Clash([event, waits], f"{where}; {waits.thread} came to wait only afterwards.", LOST_WAKE_UP)
    return None


def _is_unheard(event: Event, waits: Event) -> bool:
    return event.kind == "notify" and event.resource == waits.subject and event.after == _NOBODY


def _look_before(waits: Event, mine: list[Event], trace: Trace) -> Event | None:
    shared = trace.shared()
    looks = (e for e in reversed(mine) if e.n < waits.n and e.reads and e.memory and e.identity in shared)
    # What the library looks at inside of the wait decides nothing.
    return next((event for event in islice(looks, _LOOKS) if links.is_check(event, waits)), None)


def advice_on_waking(clash: Clash, events: list[Event]) -> str:
    """What to do so that a change can't come between the look and the wait; "" where the lock is held already."""
    look, write = clash.accesses[0], clash.accesses[-1]
    gives_up = [e for e in events[look.n :] if e.thread == look.thread and e.call == "wait" and e.kind == "release"]
    lock = next((event.resource for event in gives_up if event.resource), "")
    if not lock or write.n > gives_up[0].n or (lock in look.holds and lock in write.holds):
        return ""
    return (
        f"Hold {lock} from {place(look)} to {place(gives_up[0])}, and at {place(write)} until it is notified: then no "
        "change can come between the look and the wait."
    )


def with_notifications(events: list[Event]) -> list[Event]:
    """The same events, those that are notifications of a condition as such, with whom they woke."""
    woken = {e.identity: e.thread for e in events if e.kind == "acquire" and e.call == "wait" and not e.resource}
    following: dict[str, Event] = {}
    told: list[Event] = []
    for event in reversed(events):
        if _wakes(event):
            who = woken.get(event.identity, "another thread")
            told.append(
                replace(event, kind="notify", resource=event.subject, call="", subject="", after=f"wakes {who}")
            )
        else:
            following_one = following.get(event.thread)
            lock = "" if following_one is not None and _wakes(following_one) else _notified_in_vain(event)
            told.append(
                event
                if not lock
                else replace(event, kind="notify", resource=lock, memory=False, before=None, after=_NOBODY)
            )
        following[event.thread] = event
    return told[::-1]


def _wakes(event: Event) -> bool:
    return event.call in ("notify", "notify_all") and event.kind == "release" and not event.resource


def _notified_in_vain(event: Event) -> str:
    """The condition, if it is looked up in order to notify those who wait for it: where nobody does, that is all."""
    site = event.site
    if event.kind != "read" or not event.memory or site is None or site.end_line != site.line:
        return ""
    if not _NOTIFIES.match(code_at(site.file, site.line), site.end_column):
        return ""
    return next((held for held in event.holds if held.rpartition(".")[2] == event.resource.rpartition(".")[2]), "")


def _number(event: Event) -> int:
    return event.n
