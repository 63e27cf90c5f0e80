"""What went wrong in a failing run: the accesses that clash, and the name of the pattern where one surely fits.

A clash is what no serial run could show: a thread touches a place in memory twice, and between the two another thread
touches it so that the result is neither that of before nor that of after (Lu et al., AVIO, ASPLOS 2006). A name is
given only when the source bears it out; a wrong name would send the reader the wrong way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Final

from pytest_racecheck.detect import code, links
from pytest_racecheck.detect.wording import did, did_to, place

if TYPE_CHECKING:
    from pytest_racecheck.detect.events import Event, Trace, Turn

LOST_UPDATE: Final = "lost update"
CHECK_THEN_ACT: Final = "check-then-act"
DOUBLE_INITIALISATION: Final = "double initialisation"
ITERATION: Final = "iterate while mutating"
TWO_LOCKS: Final = "atomicity over two locks"
LOST_WAKE_UP: Final = "lost wake-up"
ORDER_VIOLATION: Final = "order violation"

#: Texts of values that stand for "not there yet"; None where an attribute has no value at all.
_NOTHING_YET: Final = frozenset((None, "None", "missing"))
#: Reads before a wait, at the most, of which one may have decided on it.
_LOOKS: Final = 20
_FLAGS: Final = frozenset(("True", "False"))
_CHANGED_SIZE: Final = re.compile(r"changed size during iteration|mutated during iteration|keys changed during")
_NOT_THERE: Final = frozenset(("AttributeError", "NameError", "KeyError", "TypeError"))


@dataclass(slots=True)
class Clash:
    """The accesses that clash, in the order in which they happened; ``name`` of the pattern, "" if none fits.

    ``sentence`` says what happened. ``rank``: the lower, the more likely it is what made the run fail.
    """

    accesses: list[Event]
    sentence: str
    name: str = ""
    rank: tuple[int, ...] = ()


@dataclass(slots=True)
class _Around:
    """What happened to shared memory around one switch away from a thread and back: its own, the others', its own."""

    turn: Turn
    before: list[Event]
    between: list[Event]
    after: list[Event]


def find_clash(trace: Trace) -> Clash | None:
    """The clash that most likely made the run fail; None when nothing is known to clash."""
    early = _used_too_early(trace)
    if early is not None:
        return early
    found: list[Clash] = []
    for around in _all_around(trace):
        for identity in dict.fromkeys(event.identity for event in around.between):
            found += _over_one_place(around, identity, trace)
        found += _over_two_places(around)
    found.sort(key=lambda clash: (not clash.name, not _is_what_failed(clash, trace), *clash.rank))
    if not found:
        return None
    best = found[0]
    for rival in found:
        other = rival.accesses[0].identity != best.accesses[0].identity
        if other and rival.name not in ("", best.name) and rival.rank[:2] == best.rank[:2]:
            best.name = ""  # either may be what the test stumbled over
    return best


def find_lost_wake_up(trace: Trace, waiting: list[str]) -> Clash | None:
    """For a run that ended with the threads ``waiting`` for a notification: the look that made one of them wait."""
    shared = trace.shared()
    for thread in waiting:
        mine = [event for event in trace.events if event.thread == thread]
        waits = next((event for event in reversed(mine) if event.kind == "block"), None)
        if waits is None:
            continue
        looks = (e for e in reversed(mine) if e.n < waits.n and e.reads and e.memory and e.identity in shared)
        # What the library looks at inside of the wait decides nothing.
        look = next((event for event in islice(looks, _LOOKS) if links.is_check(event, waits)), None)
        if look is None:
            continue
        for write in trace.events[look.n : waits.n]:
            if write.writes and write.conflicts(look) and _changes(write):
                text = (
                    f"{thread} waits because of what it read at {place(look)}; before it waited, {did(write)}, and no "
                    "one is left to notify it of that."
                )
                return Clash([look, write], text, LOST_WAKE_UP)
    return None


def _all_around(trace: Trace) -> Iterator[_Around]:
    shared, events = trace.shared(), trace.events

    def accesses(start: int, end: int | None) -> list[Event]:
        return [e for e in events[start:end] if e.memory and e.exact and e.identity in shared]

    for turn in trace.turns:
        back = next((e.n for e in events[turn.before :] if e.thread == turn.source), None)
        if back is not None:
            yield _Around(
                turn,
                [e for e in accesses(0, turn.before) if e.thread == turn.source],
                accesses(turn.before, back),
                [e for e in accesses(back, None) if e.thread == turn.source],
            )


def _is_what_failed(clash: Clash, trace: Trace) -> bool:
    """Whether the exception came out of the last access."""
    last, at = clash.accesses[-1], trace.thrown_at
    return at is not None and last.thread == trace.thrower and last.line == (at.file, at.line)


def _over_one_place(around: _Around, identity: int, trace: Trace) -> Iterator[Clash]:
    before = [e for e in around.before if e.identity == identity]
    if not before:
        return
    yield from _iteration(around, before, identity, trace)
    # Of a container, a look at the whole counts as long as one at an item.
    firsts = [before[-1], *[e for e in before if e.container and e.item is None][-1:]]
    for first in {e.n: e for e in firsts}.values():
        yield from _from(first, around)


def _from(first: Event, around: _Around) -> Iterator[Clash]:
    """What comes of the access ``first``."""
    after = [e for e in around.after if e.overlaps(first)]
    reads = [e for e in around.between if e.conflicts(first) and e.reads]
    writes = [e for e in around.between if e.conflicts(first) and e.writes and _changes(e)]
    if not after:
        yield from _checked_elsewhere(around, first, writes)
        return
    use = next((e for e in after if e.writes), after[0])
    reads = [e for e in reads if e.conflicts(use)]
    if first.item is not None or not links.is_check(first, use):  # else any change of the whole counts
        writes = [e for e in writes if e.conflicts(use)]
    rank = (0 if around.turn.preempted else 1, use.n - first.n)
    if first.kind == "read" and writes:
        # What it read on the way to its write tells whether it saw what the others had written.
        fresh = use.kind == "update" or any(e.reads for e in takewhile(lambda e: e is not use, after))
        name, text = _stale(first, writes[-1], use, fresh=fresh)
        yield Clash([first, writes[-1], use], text, name, (rank[0], 0 if name else 1, rank[1]))
    elif first.kind == "write" and (writes if use.kind == "read" else reads):
        other = writes[-1] if use.kind == "read" else reads[-1]
        then = "read it" if use.kind == "read" else "wrote it"
        text = f"{first.thread} wrote it at {place(first)} and {then} at {place(use)}; between them {did(other)}."
        yield Clash([first, other, use], text, "", (rank[0], 2, rank[1]))


def _stale(first: Event, other: Event, use: Event, *, fresh: bool) -> tuple[str, str]:
    """Name and sentence for what a thread did with a value that others changed after it had read it."""
    checked = links.is_check(first, use)
    # An increment of what is not there begins at a default, in a Counter say: it makes nothing.
    nothing_yet = first.before in _NOTHING_YET and not code.is_increment(use.line[0], links.spot(use))
    mine = first.thread
    if use.writes and not fresh:
        if nothing_yet and other.line == use.line and (checked or links.in_order(first, use)):
            text = f"{mine} found nothing at {place(first)}; before it wrote at {place(use)}, {did(other)}, too."
            return DOUBLE_INITIALISATION, text
        if not checked and not nothing_yet and first.before not in _FLAGS and links.goes_into(first, use):
            text = f"{mine} read it at {place(first)} and wrote it at {place(use)}; {did(other)} between the two: lost."
            return LOST_UPDATE, text
    act = "write" if use.writes else "use"
    if checked:
        return CHECK_THEN_ACT, (
            f"The check at {place(first)} and the {act} at {place(use)} are separate; between them {did(other)}."
        )
    if links.decides(first, use):
        return CHECK_THEN_ACT, (
            f"{mine} read it at {place(first)}, and what it read decided on the {act} at {place(use)}; between them "
            f"{did(other)}."
        )
    then = "wrote it" if use.writes else "read it again"
    return "", f"{mine} read it at {place(first)} and {then} at {place(use)}; between them {did(other)}."


def _checked_elsewhere(around: _Around, first: Event, writes: list[Event]) -> Iterator[Clash]:
    """A thread writes to one place because of what it found at another one, which was changed since."""
    act = next((e for e in around.after if e.writes), None)
    if act is None or not writes or first.kind != "read":
        return
    common = links.common_function(first, act)
    if (
        common is None
        or not links.is_check(first, act)
        or not code.is_guarded(common[0].file, common[0].line, common[1].line)
    ):
        return
    text = (
        f"{first.thread} {did_to(act)} because of the check of {first.resource} at {place(first)}; between the two, "
        f"{writes[-1].thread} {did_to(writes[-1])}."
    )
    rank = (0 if around.turn.preempted else 1, 1, act.n - first.n)
    yield Clash([first, writes[-1], act], text, CHECK_THEN_ACT, rank)


def _over_two_places(around: _Around) -> Iterator[Clash]:
    """Two values that belong together, one seen or changed before the switch and the other one after it."""
    firsts = [around.before[-1:], [e for e in around.before if e.writes][-1:]]
    for first in {e.n: e for found in firsts for e in found}.values():
        others = [e for e in around.after if not e.overlaps(first)]
        lasts = [others[:1], [e for e in others if e.writes][:1]]
        for last in {e.n: e for found in lasts for e in found}.values():
            yield from _between_two(around, first, last)


def _between_two(around: _Around, first: Event, last: Event) -> Iterator[Clash]:
    for thread in dict.fromkeys(e.thread for e in around.between):
        theirs = [e for e in around.between if e.thread == thread]
        one = [e for e in theirs if e.conflicts(first)]
        two = [e for e in theirs if e.conflicts(last)]
        if not one or not two:
            continue
        name = TWO_LOCKS if _under_two_locks(first, one[-1], two[-1], last) else ""
        pair = sorted({e.n: e for e in (one[-1], two[-1])}.values(), key=_number)
        meanwhile = " and ".join(map(did_to, pair))
        text = f"{first.thread} {did_to(first)}, then {did_to(last)}; between the two, {thread} {meanwhile}."
        rank = (0 if around.turn.preempted else 1, 0 if name else 3, last.n - first.n)
        yield Clash([first, *pair, last], text, name, rank)


def _under_two_locks(first: Event, one: Event, two: Event, last: Event) -> bool:
    guards, others = set(first.holds) & set(one.holds), set(last.holds) & set(two.holds)
    return bool(guards and others) and not set(first.holds) & set(last.holds)


def _used_too_early(trace: Trace) -> Clash | None:
    """A thread fails because it uses what another thread provides, which it does only afterwards."""
    at = trace.thrown_at
    if trace.thrown not in _NOT_THERE or at is None:
        return None
    mine = [e for e in trace.events if e.memory and e.thread == trace.thrower and e.line == (at.file, at.line)]
    for use in reversed(mine[-4:]):
        if use.kind != "read" or use.before not in _NOTHING_YET or not use.exact or not _names_it(use, trace):
            continue
        writes = [e for e in trace.events if e.writes and e.overlaps(use) and e.item == use.item]
        if writes and writes[0].n > use.n and writes[0].conflicts(use):
            text = f"{use.thread} uses it at {place(use)} before {did(writes[0])}."
            return Clash([use, writes[0]], text, ORDER_VIOLATION)
    return None


def _names_it(use: Event, trace: Trace) -> bool:
    """Whether the exception is about this very attribute, variable or item, or about a None found there."""
    if use.before == "None":
        return "None" in trace.thrown_text
    return (use.item or repr(use.resource.rpartition(".")[2])) in trace.thrown_text


def _iteration(around: _Around, before: list[Event], identity: int, trace: Trace) -> Iterator[Clash]:
    first = next((e for e in reversed(before) if e.call == "iter"), None)
    again = next((e for e in around.after if e.identity == identity and e.call == "iter"), None)
    if first is None or again is None or first.line != again.line:
        return
    writes = [e for e in around.between if e.conflicts(first) and e.writes]
    told = trace.thrower == first.thread and _CHANGED_SIZE.search(trace.thrown_text)
    if writes and (told or (first is before[-1] and all(each.kind == "update" for each in writes))):
        text = f"{first.thread} goes through it at {place(first)}; meanwhile {did(writes[-1])}."
        yield Clash([first, writes[-1], again], text, ITERATION, (-1, 0, again.n - first.n))


def _changes(event: Event) -> bool:
    # Of other objects than plain values only the type is known.
    return event.before is None or event.before.startswith("<") or event.before != event.after


def _number(event: Event) -> int:
    return event.n
