"""Finds a failing schedule with as few preemptions, and then as few switches, as it can in a given time.

Two steps, and again as long as they help. Removal: delta debugging (Zeller & Hildebrandt, Simplifying and Isolating
Failure-Inducing Input, TSE 2002) over the deviations from the serial schedule. Local search: a schedule with one
deviation less may need its switches elsewhere, so each schedule that is simpler by one and deviates at a place that the
failing run passed is tried, those with the fewest switches first, which is iterative context bounding (Musuvathi &
Qadeer, PLDI 2007) around a known failure. A schedule is only ever returned if it was seen to fail in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, combinations, product
from operator import itemgetter
from typing import TYPE_CHECKING, Generic, TypeVar

from pytest_racecheck.engine import real

if TYPE_CHECKING:
    from pytest_racecheck.engine.schedule import Choice, Deviation, Schedule

#: A deviation, however it names its place.
D = TypeVar("D")


@dataclass(frozen=True)
class Candidate(Generic[D]):
    """A schedule that was seen to fail, with what it costs and the choices that its run passed."""

    schedule: tuple[D, ...]
    preemptions: int
    choices: tuple[Choice, ...] = ()

    @property
    def cost(self) -> tuple[int, int]:
        """Fewer preemptions first, then fewer switches."""
        return self.preemptions, len(self.schedule)


#: Runs a schedule; what it returns failed in the same way, None did not.
Try = Callable[[tuple[D, ...]], Candidate[D] | None]


def minimise(first: Candidate[Deviation], attempt: Try[Deviation], seconds: float) -> Candidate[Deviation]:
    """The simplest failing schedule found within ``seconds`` of real time, starting from ``first``."""
    deadline = real.monotonic() + seconds
    fails = _once_each(attempt, deadline)
    best = first
    while real.monotonic() < deadline:
        simpler = _search_around(_remove(best, fails), fails, deadline)
        if simpler.cost >= best.cost:
            return simpler
        best = simpler
    return best


def reduce(first: Candidate[D], attempt: Try[D], seconds: float) -> Candidate[D]:
    """As `minimise`, by removal alone: for schedules that don't tell what other choices their runs had."""
    return _remove(first, _once_each(attempt, real.monotonic() + seconds))


def _once_each(attempt: Try[D], deadline: float) -> Try[D]:
    tried: set[tuple[D, ...]] = set()

    def fails(schedule: tuple[D, ...]) -> Candidate[D] | None:
        if schedule in tried or real.monotonic() > deadline:
            return None
        tried.add(schedule)
        return attempt(schedule)

    return fails


def _remove(best: Candidate[D], fails: Try[D]) -> Candidate[D]:
    """Delta debugging: leaves out halves, quarters, ... and at last single deviations."""
    size = len(best.schedule)
    while size >= 1:
        start = 0
        while start < len(best.schedule):
            shorter = best.schedule[:start] + best.schedule[start + size :]
            simpler = fails(shorter)
            if simpler is not None and simpler.cost < best.cost:
                best = simpler
                size = min(size, len(best.schedule)) or 1
                start = 0
            else:
                start += size
        size //= 2
    return best


def _search_around(best: Candidate[Deviation], fails: Try[Deviation], deadline: float) -> Candidate[Deviation]:
    """Schedules that cost less and deviate only where the failing run had a choice."""
    for schedule in _simpler(best):
        if real.monotonic() > deadline:
            break
        found = fails(schedule)
        if found is not None and found.cost < best.cost:
            return found
    return best


def _simpler(best: Candidate[Deviation]) -> Iterator[Schedule]:
    """All schedules of up to two deviations, or three that are free, at the choices of ``best`` that would be cheaper.

    One switch is soon tried everywhere; what is found that way is where the search for less goes on. Of each number of
    switches, those come first that go on with threads which could; but others may have started, or not be blocked, when
    the switches before are different ones.
    """
    paths = sorted({each for path, _, _, others in best.choices for each in (path, *others)})
    seen = _deviations(best, best.choices)
    any_thread = _deviations(
        best, [(path, ops, can, tuple(each for each in paths if each != path)) for path, ops, can, _ in best.choices]
    )
    for free, paid in (seen, any_thread):
        if best.cost > (0, 1):
            yield from ((deviation,) for deviation in free)
        if best.cost > (1, 1):
            yield from ((deviation,) for deviation in paid)
    for free, paid in (seen, any_thread):
        # The smallest of the sets first: each is searched to its end if there is time.
        mixed = chain(product(paid, free), product(free, paid))
        sets: list[tuple[int, tuple[int, int], Iterable[Schedule]]] = [
            (len(free) ** 2 // 2, (0, 2), combinations(free, 2)),
            (2 * len(free) * len(paid), (1, 2), mixed),
            (len(paid) ** 2 // 2, (2, 2), combinations(paid, 2)),
            (len(free) ** 3 // 6, (0, 3), combinations(free, 3)),
        ]
        for _, cost, schedules in sorted(sets, key=itemgetter(0)):
            if best.cost > cost:
                yield from schedules


def _deviations(best: Candidate[Deviation], choices: Iterable[Choice]) -> tuple[list[Deviation], list[Deviation]]:
    """Those that cost no preemption, and those that do, the most likely first.

    Mostly it is one of the places known, with another thread to go on there, or one of the threads known, elsewhere.
    """
    free: list[Deviation] = []
    paid: list[Deviation] = []
    for path, ops, can_go_on, others in choices:
        for other in others:
            (paid if can_go_on else free).append((path, ops, other))
    places = {(path, ops) for path, ops, _ in best.schedule}
    targets = {target for _, _, target in best.schedule}
    for deviations in (free, paid):
        deviations.sort(key=lambda each: (each[:2] not in places, each[2] not in targets))
    return free, paid
