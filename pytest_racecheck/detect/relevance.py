"""Which events of a failing run tell its story, and which are only there."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_racecheck.detect.clash import Clash
    from pytest_racecheck.detect.events import Event, Trace

STORY: Final = 0
BESIDE: Final = 1
NOISE: Final = 2

#: So many accesses that stand close to a clash are told with it.
_MOST_CLOSE: Final = 6

#: So many operations are told of the time before a clash, and after it; of more, those that are next to it.
_MOST_AROUND: Final = 12
_NEXT_TO: Final = 2

_NEVER_MORE: Final = frozenset(("start", "join", "begin", "end", "block"))


def race_levels(trace: Trace, found: Clash | None) -> list[int]:
    """For each event, STORY, BESIDE or NOISE, in a run that failed because of ``found`` (None: nobody knows why)."""
    clash = found.accesses if found is not None else []
    context = _context(trace, found) if found is not None else set()
    shared = trace.shared()
    together = _touched_by_many(trace.events)
    actors = {event.thread for event in clash}
    threads = actors | ({trace.thrower} if trace.thrown_at is not None else set())
    locks = {lock for event in trace.events for lock in event.holds if _is_on(event, clash)}
    last = {event.thread: event.n for event in clash}
    turns = {turn.before - 1 for turn in trace.turns}
    close = _close_to(clash, trace, threads, shared)

    def level(event: Event) -> int:
        if event.n in context:
            return STORY
        if event.kind == "sleep" and event.thread in threads and event.n in turns:
            return STORY
        if event.kind in _NEVER_MORE or event.identity not in together:
            return BESIDE if event.kind in ("sleep", "point") else NOISE
        if not event.resource:
            return NOISE  # inside of what the library makes of it
        if event.memory and event.identity not in shared:
            return NOISE
        if not clash or event.n in close:
            return STORY
        if event.thread not in threads:
            return BESIDE
        if event.memory:
            over = event.n > last.get(event.thread, event.n) and not event.writes and event.thread != trace.thrower
            return STORY if _is_on(event, clash) and not over else BESIDE
        return STORY if event.resource in locks and event.thread in actors else BESIDE

    return _near(clash, [level(event) for event in trace.events], context)


def _near(clash: list[Event], levels: list[int], context: set[int]) -> list[int]:
    """The same levels, but if much is told of the time before a clash, or after it, only what is next to it."""
    told = [n for n, level in enumerate(levels) if clash and level == STORY and n not in context]
    before = [n for n in told if n < clash[0].n]
    after = [n for n in told if n > clash[-1].n]
    far = before[:-_NEXT_TO] if len(before) > _MOST_AROUND else []
    far += after[_NEXT_TO:] if len(after) > _MOST_AROUND else []
    for number in far:
        levels[number] = BESIDE
    return levels


def _context(trace: Trace, found: Clash) -> set[int]:
    """What belongs to the story beside the clash, and each look of the thread in question at that."""
    use = found.accesses[0]
    looks = {e.n for e in trace.events[: use.n] if e.thread == use.thread and any(map(e.overlaps, found.context))}
    return looks | {event.n for event in found.context}


def _close_to(clash: list[Event], trace: Trace, threads: set[str], shared: set[int]) -> set[int]:
    """Accesses to other places, few enough to be told: between those that clash, and where the exception was raised."""
    found = {
        event.n: event
        for event in trace.events
        if clash and event.memory and event.thread in threads and event.identity in shared and not event.inside
    }
    raised = trace.thrown_at
    where = None if raised is None else (trace.thrower, raised.file, raised.line)
    at = {n for n, event in found.items() if where == (event.thread, *event.line)}
    among = {n for n in found if clash[0].n < n < clash[-1].n}
    # What one of them did in between to something else, the other one mostly does afterwards.
    touched = {found[n].identity for n in among}
    actors = {event.thread for event in clash}
    rest = [n for n in found if n > clash[-1].n and found[n].thread in actors and found[n].identity in touched]
    among.update(rest[:_MOST_CLOSE])
    others = {n for n in among | at if not _is_on(found[n], clash)}
    told = others if len(others) <= _MOST_CLOSE else others & at if len(others & at) <= _MOST_CLOSE else set()
    return told | _meetings(clash, trace, actors)


def _meetings(clash: list[Event], trace: Trace, actors: set[str]) -> set[int]:
    """Operations between accesses that clash by which threads wait for each other, if they are few."""
    together = _touched_by_many(trace.events)
    between = trace.events[clash[0].n : clash[-1].n] if clash else []
    found = {
        event.n
        for event in between
        if event.thread in actors
        and event.identity in together
        and not (event.memory or event.kind in _NEVER_MORE)
        and event.resource
    }
    return found if len(found) <= _MOST_CLOSE else set()


def deadlock_levels(trace: Trace, stuck: Iterable[str], clash: list[Event], *, missing: bool = False) -> list[int]:
    """The same for a run that ended with the threads ``stuck``: how each came to hold what it holds.

    ``missing``: they wait for what another thread was to do, or did at another time.
    """
    last: dict[str, Event] = {event.thread: event for event in trace.events}
    # Who only waits for another thread's end is no part of how it came about.
    ends = [last[thread] for thread in stuck if thread in last and not last[thread].child]
    threads = {event.thread for event in ends}
    held = {name for event in ends for name in event.holds} | _held(trace.events, threads)
    wanted = {event.resource or event.subject for event in ends if event.kind == "block"}
    together, shared = _touched_by_many(trace.events), trace.shared()

    def level(event: Event) -> int:
        if event.memory:
            return STORY if _is_on(event, clash) else BESIDE if event.identity in shared else NOISE
        if event.kind in _NEVER_MORE and event is not last[event.thread]:
            return NOISE
        if (event.resource or event.subject) in held | wanted and (event.resource or event.kind == "block"):
            return STORY if event.thread in threads or clash or missing else BESIDE
        return BESIDE if event.identity in together and event.kind not in _NEVER_MORE else NOISE

    return [level(event) for event in trace.events]


def _held(events: list[Event], threads: set[str]) -> set[str]:
    """What the threads hold in the end: the last event of one that is about to take a second lock tells of neither."""
    taken: Counter[tuple[str, str]] = Counter()
    for event in events:
        if event.thread in threads and event.resource and event.kind in ("acquire", "release"):
            taken[event.thread, event.resource] += 1 if event.kind == "acquire" else -1
    return {name for (_, name), times in taken.items() if times > 0}


def _touched_by_many(events: list[Event]) -> set[int]:
    first: dict[int, str] = {}
    return {each.identity for each in events if first.setdefault(each.identity, each.thread) != each.thread} - {0}


def _is_on(event: Event, clash: list[Event]) -> bool:
    return any(event.overlaps(each) for each in clash)
