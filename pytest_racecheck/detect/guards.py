"""Which locks guard the accesses that clash, and what follows from that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_racecheck.detect.code import code_at
from pytest_racecheck.detect.stacks import library_name
from pytest_racecheck.detect.wording import place

if TYPE_CHECKING:
    from pytest_racecheck.detect.events import Event
    from pytest_racecheck.detect.happens_before import Order


def ordering(accesses: list[Event], order: Order) -> str:
    """Why the accesses could happen in this order: a sentence on their locks, "" where nothing can be said."""
    common = _common_locks(accesses)
    threads = list(dict.fromkeys(event.thread for event in accesses))
    if len(threads) != 2:
        return ""
    if common:
        return f"Both hold {common[0]} there, but {accesses[0].thread} releases it in between."
    pairs = [(a, b) for a in accesses for b in accesses if a.n < b.n and a.conflicts(b)]
    if pairs and all(order.unordered(a, b) for a, b in pairs):
        held = [f"{thread} holds {lock}" for thread, lock in _two_locks(accesses).items()]
        if held:
            return f"Nothing orders them: {' and '.join(held)}, which are two locks and keep nobody out."
        return "Nothing orders them: no lock is held at both, and neither thread waits for the other."
    return "There is no lock that all of them hold."


def advice(accesses: list[Event], events: list[Event]) -> str:
    """What to do about it, where the other accesses to the same place tell; "" where they don't."""
    common = _common_locks(accesses)
    first, last = accesses[0], accesses[-1]
    between = [e for e in events[first.n : last.n] if e.thread == first.thread]
    if any(event.call == "wait" for event in between):
        # The lock has to be given back here; what has to be right is what comes after.
        again = code_at(*first.line).strip().startswith("if ")
        return f"Check again after wait(): `while` instead of `if` at {place(first)}." if again else ""
    if common and first.thread == last.thread:
        return _without_a_break(common[0], first, last)
    touching = [event for event in events if event.overlaps(first)]
    by_site: dict[tuple[str, int], set[str]] = {}
    for event in touching:
        by_site[event.line] = by_site.get(event.line, set(event.holds)) & set(event.holds)
    for lock in sorted(set().union(*by_site.values())):
        bare = {line for line, held in by_site.items() if lock not in held}
        without = next((each for each in accesses if each.line in bare), None)
        users = {event.thread for event in touching if event.line not in bare}
        if without is not None and library_name(without.line[0]) is not None:
            continue
        # One place of one thread that holds it may do so for any reason.
        if without is not None and len(bare) == 1 and (len(users) > 1 or len(by_site) > 2):
            one_thread = first.thread == last.thread and first.line != last.line
            if one_thread and not all(lock in event.holds for event in (first, *between, last)):
                return _without_a_break(lock, first, last)  # to hold it at each of them is not enough
            if len(users) == 1 and _two_locks(accesses):
                break
            return f"Every other access to {first.resource} holds {lock}: hold it at {place(without)}, too."
    return f"Use one lock for every access to {first.resource}." if _two_locks(accesses) else ""


def _two_locks(accesses: list[Event]) -> dict[str, str]:
    """The locks of two threads that each hold one at all of their accesses, but not the same; empty if they don't."""
    held = {event.thread: set(event.holds) for event in accesses}
    for event in accesses:
        held[event.thread] &= set(event.holds)
    locks = list(held.values())
    if len(locks) != 2 or not all(locks) or locks[0] & locks[1]:
        return {}
    return {thread: min(each) for thread, each in held.items()}


def _without_a_break(lock: str, first: Event, last: Event) -> str:
    return f"Hold {lock} from {place(first)} to {place(last)} without a break."


def _common_locks(accesses: list[Event]) -> list[str]:
    return [lock for lock in accesses[0].holds if all(lock in event.holds for event in accesses)]
