"""What went wrong in a failing run: the accesses that clash, and the name of the pattern where one surely fits.

A clash is what no serial run could show: a thread touches a place in memory twice, and between the two another thread
touches it so that the result is neither that of before nor that of after (Lu et al., AVIO, ASPLOS 2006). A name is
given only when the source bears it out; a wrong name would send the reader the wrong way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from pytest_racecheck.detect import code, links
from pytest_racecheck.detect.clash import (
    CHECK_THEN_ACT,
    DOUBLE_INITIALISATION,
    ITERATION,
    LOST_UPDATE,
    NOTHING_YET,
    TWO_LOCKS,
    Clash,
    changes,
    only_looked,
)
from pytest_racecheck.detect.early_use import used_too_early
from pytest_racecheck.detect.wording import did, did_to, place

if TYPE_CHECKING:
    from pytest_racecheck.detect.events import Event, Trace, Turn

_FLAGS: Final = frozenset(("True", "False"))
_EXECUTING: Final = re.compile("generator already executing")
_CHANGED_SIZE: Final = re.compile(r"changed size during iteration|mutated during iteration|keys changed during")


@dataclass(slots=True)
class _Around:
    """What happened to shared memory around one switch away from a thread and back: its own, the others', its own."""

    turn: Turn
    before: list[Event]
    between: list[Event]
    after: list[Event]

    @property
    def unlikely(self) -> int:
        """0 for a switch that was chosen, 1 for one that came by itself."""
        return 0 if self.turn.preempted and not self.turn.forced else 1


def find_clash(trace: Trace) -> Clash | None:
    """The clash that most likely made the run fail; None when nothing is known to clash."""
    special = used_too_early(trace) or _in_one_generator(trace)
    if special is not None:
        return special
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


def _in_one_generator(trace: Trace) -> Clash | None:
    """A thread resumes a generator that another one, which was switched away from, is still inside of."""
    at = trace.thrown_at
    if at is None or trace.thrown != "ValueError" or not _EXECUTING.search(trace.thrown_text):
        return None
    nexts = [e for e in trace.events if e.memory and e.exact and e.call == "next"]
    last = next((e for e in reversed(nexts) if (e.thread, *e.line) == (trace.thrower, at.file, at.line)), None)
    if last is None:
        return None
    first = next((e for e in reversed(nexts) if e.n < last.n and e.identity == last.identity), None)
    if first is None or first.thread == last.thread:
        return None
    text = (
        f"{last.thread} resumed it at {place(last)} while {first.thread}, which had resumed it at {place(first)}, was "
        "still inside."
    )
    return Clash([first, last], text, advice="A generator can't run in two threads at once: hold a lock around next().")


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
    writes = [e for e in around.between if e.conflicts(first) and e.writes and changes(e)]
    if not after:
        yield from _checked_elsewhere(around, first, writes)
        return
    use = next((e for e in after if e.writes), after[0])
    reads = [e for e in reads if e.conflicts(use)]
    if first.item is not None or not links.is_check(first, use):  # else any change of the whole counts
        writes = [e for e in writes if e.conflicts(use)]
    rank = (around.unlikely, use.n - first.n)
    if (first.kind == "read" or only_looked(first)) and writes:
        # What it read on the way to its write tells whether it saw what the others had written.
        until = [*takewhile(lambda e: e is not use, after), use]
        fresh = (use.kind == "update" and first.kind == "read") or any(e.reads for e in until[:-1])
        name, text = _stale(first, writes[-1], use, fresh=fresh)
        again = any(e.kind == "read" and links.in_another_turn(first, e) for e in until)
        name, order = ("", 4) if again else (name, 0 if name else 1)  # who looks again goes by that
        yield Clash([first, writes[-1], use], text, name, (rank[0], order, rank[1]))
    elif first.kind == "write" and (writes if use.kind == "read" else reads):
        other = writes[-1] if use.kind == "read" else reads[-1]
        then = "read it" if use.kind == "read" else "wrote it"
        text = f"{first.thread} wrote it at {place(first)} and {then} at {place(use)}; between them {did(other)}."
        yield Clash([first, other, use], text, "", (rank[0], 4 if links.in_another_turn(first, use) else 2, rank[1]))
    elif first.kind == "update" and (theirs := [e for e in around.between if e.conflicts(first) and e.conflicts(use)]):
        then = "read" if use.kind == "read" else "changed"
        mine = f"{first.thread} changed it at {place(first)} and {then} it at {place(use)}"
        yield Clash([first, theirs[-1], use], f"{mine}; between them {did(theirs[-1])}.", "", (rank[0], 5, rank[1]))


def _stale(first: Event, other: Event, use: Event, *, fresh: bool) -> tuple[str, str]:
    """Name and sentence for what a thread did with a value that others changed after it had read it."""
    checked = links.is_check(first, use) or links.chooses(first, use)
    goes_in = first.kind == "read" and not checked and links.goes_into(first, use)
    # An increment of what is not there begins at a default, in a Counter say: it makes nothing.
    nothing_yet = first.before in NOTHING_YET and not code.is_increment(use.line[0], links.spot(use))
    mine = first.thread
    if use.writes and not fresh:
        is_its_like = other.line == use.line or first.kind == "update"
        # What was made because nothing was there may go by the name of what was read.
        made = nothing_yet and (not goes_in or links.decides(first, use))
        if made and is_its_like and (checked or links.in_order(first, use)):
            text = f"{mine} found nothing at {place(first)}; before it wrote at {place(use)}, {did(other)}, too."
            return DOUBLE_INITIALISATION, text
        if goes_in and first.before not in _FLAGS:
            lost = f"between the two, {did(other)}, which is lost."
            return LOST_UPDATE, f"{mine} read it at {place(first)} and wrote it at {place(use)}; {lost}"
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
    rank = (around.unlikely, 1, act.n - first.n)
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
        rank = (around.unlikely, 0 if name else 3, last.n - first.n)
        yield Clash([first, *pair, last], text, name, rank)


def _under_two_locks(first: Event, one: Event, two: Event, last: Event) -> bool:
    guards, others = set(first.holds) & set(one.holds), set(last.holds) & set(two.holds)
    return bool(guards and others) and not set(first.holds) & set(last.holds)


def _iteration(around: _Around, before: list[Event], identity: int, trace: Trace) -> Iterator[Clash]:
    first = next((e for e in reversed(before) if e.call == "iter"), None)
    again = next((e for e in around.after if e.identity == identity and e.call == "iter"), None)
    if first is None or again is None or first.line != again.line:
        return
    writes = [e for e in around.between if e.conflicts(first) and e.writes]
    told = _CHANGED_SIZE.search(trace.thrown_text)  # the test may have caught it, and failed elsewhere
    if writes and (told or (first is before[-1] and all(each.kind == "update" for each in writes))):
        text = f"{first.thread} goes through it at {place(first)}; meanwhile {did(writes[-1])}."
        yield Clash([first, writes[-1], again], text, ITERATION, (-1, 0, again.n - first.n))


def _number(event: Event) -> int:
    return event.n
