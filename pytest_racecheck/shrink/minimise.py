"""Finds a failing schedule with as few preemptions, and then as few switches, as it can in a given time.

Three steps, and again as long as they help. Removal: delta debugging (Zeller & Hildebrandt, Simplifying and Isolating
Failure-Inducing Input, TSE 2002) over the deviations from the serial schedule. Rearrangement: threads that have no part
in it are left out, and what the others do is put together, see `rearrange`. Local search: a schedule with one deviation
less may need its switches elsewhere, so each schedule that is simpler by one and deviates at a place that the failing
run passed is tried, those with the fewest switches first, which is iterative context bounding (Musuvathi & Qadeer,
PLDI 2007) around a known failure. A schedule is only ever returned if it was seen to fail in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, combinations, product
from operator import itemgetter
from typing import TYPE_CHECKING, Generic, TypeVar

from pytest_racecheck.engine import real
from pytest_racecheck.shrink.rearrange import schedule_of, stretches, with_stretches_moved, without_threads

if TYPE_CHECKING:
    from pytest_racecheck.engine.schedule import Choice, Deviation, Schedule

#: A deviation, however it names its place.
D = TypeVar("D")


@dataclass(frozen=True)
class Candidate(Generic[D]):
    """A schedule that was run: whether it failed in the same way, what it costs, and the choices that the run passed.

    ``switches`` are all that the run had, ``forced`` is how many of its deviations come by themselves.
    """

    schedule: tuple[D, ...]
    preemptions: int
    choices: tuple[Choice, ...] = ()
    switches: tuple[D, ...] = ()
    fails: bool = True
    forced: int = 0

    @property
    def cost(self) -> tuple[int, int]:
        """Fewer preemptions first, then fewer switches."""
        return self.preemptions - self.forced, len(self.schedule) - self.forced


class Attempts(Generic[D]):
    """Runs schedules by ``attempt``, each once, as long as there is time."""

    def __init__(self, attempt: Callable[[tuple[D, ...]], Candidate[D]], seconds: float) -> None:
        self._attempt = attempt
        self._deadline = real.monotonic() + seconds
        self._tried: dict[tuple[D, ...], Candidate[D]] = {}

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return real.monotonic() >= self._deadline

    def run(self, schedule: tuple[D, ...]) -> Candidate[D] | None:
        """What came of it, if there is time or it has been run before."""
        if schedule not in self._tried and not self.over:
            self._tried[schedule] = self._attempt(schedule)
        return self._tried.get(schedule)

    def better(self, schedule: tuple[D, ...], best: Candidate[D]) -> Candidate[D] | None:
        """What came of it, if it failed in the same way and costs less than ``best`` does."""
        found = None if schedule in self._tried else self.run(schedule)
        return found if found is not None and found.fails and found.cost < best.cost else None


def minimise(first: Candidate[Deviation], attempts: Attempts[Deviation]) -> Candidate[Deviation]:
    """The simplest failing schedule that is found in the time that ``attempts`` has, starting from ``first``."""
    best = first
    while not attempts.over:
        simpler = _search_around(_rearrange(remove(best, attempts), attempts), attempts)
        if simpler.cost >= best.cost:
            return simpler
        best = simpler
    return best


def remove(best: Candidate[D], attempts: Attempts[D]) -> Candidate[D]:
    """Delta debugging: leaves out halves, quarters, ... and at last single deviations."""
    size = len(best.schedule)
    while size >= 1:
        start = 0
        while start < len(best.schedule):
            simpler = attempts.better(best.schedule[:start] + best.schedule[start + size :], best)
            if simpler is not None:
                best = simpler
                size = min(size, len(best.schedule)) or 1
                start = 0
            else:
                start += size
        size //= 2
    return best


def _rearrange(best: Candidate[Deviation], attempts: Attempts[Deviation]) -> Candidate[Deviation]:
    """As long as something can be moved so that it costs less."""
    for rearranged in (_without_threads, _with_stretches_moved, _with_one_put_off):
        tried = None
        while tried is not best:
            tried = best
            for schedule in rearranged(best, attempts):
                simpler = attempts.better(schedule, best)
                if simpler is not None:
                    best = remove(simpler, attempts)
                    break
    return best


def _without_threads(best: Candidate[Deviation], _: Attempts[Deviation]) -> Iterator[Schedule]:
    return map(schedule_of, without_threads(stretches(best.switches)))


def _with_stretches_moved(best: Candidate[Deviation], _: Attempts[Deviation]) -> Iterator[Schedule]:
    return map(schedule_of, with_stretches_moved(stretches(best.switches)))


def _with_one_put_off(best: Candidate[Deviation], attempts: Attempts[Deviation]) -> Iterator[Schedule]:
    """With each switch made when its thread has to wait for the first time after that, which is no preemption.

    When that is, only a run without the switch can tell.
    """
    for index, (path, ops, target) in enumerate(best.schedule):
        before, after = best.schedule[:index], best.schedule[index + 1 :]
        without = attempts.run((*before, *after))
        for waiting, when, can_go_on, _ in without.choices if without is not None else ():
            if waiting == path and when > ops and not can_go_on:
                yield (*before, (path, when, target), *after)
                break


def _search_around(best: Candidate[Deviation], attempts: Attempts[Deviation]) -> Candidate[Deviation]:
    """Schedules that cost less and deviate only where the failing run had a choice."""
    for schedule in _simpler(best):
        if attempts.over:
            break
        found = attempts.better(schedule, best)
        if found is not None:
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
