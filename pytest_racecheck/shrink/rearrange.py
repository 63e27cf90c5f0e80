"""Rearranges a failing run: the stretches that its threads ran for are left out, or joined to others of their thread.

Leaving out one deviation of a schedule moves all that follows, and mostly the failure is gone. To move a stretch as a
whole keeps the rest as it was: it takes two switches away at once (Jalbert & Sen, A Trace Simplification Technique for
Effective Debugging of Concurrent Programs, FSE 2010, who keep to runs that are equivalent; here each is tried instead).
Of many threads only few have a part in a failure, mostly; so whole threads are left out first, many at once (delta
debugging, as in `minimise`). What is left out runs at last, when nobody else is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_racecheck.engine.schedule import Choice, Deviation, Schedule

#: What a thread, named by its path, did in one go, up to the operation with this number; None: up to its end.
Stretch = tuple[str, int | None]


def stretches(switches: Sequence[Deviation]) -> list[Stretch]:
    """What a run consists of, by all of its switches in their order."""
    found: list[Stretch] = [(path, ops) for path, ops, _ in switches]
    if switches:
        found.append((switches[-1][2], None))
    return found


def schedule_of(run: Sequence[Stretch]) -> Schedule:
    """The schedule that names each switch, also those that come by themselves."""
    merged: list[Stretch] = []
    for stretch in run:
        if merged and merged[-1][0] == stretch[0]:
            merged.pop()
        merged.append(stretch)
    return tuple((path, ops, target) for (path, ops), (target, _) in pairwise(merged) if ops is not None)


def with_switch_after(schedule: Schedule, choices: Sequence[Choice], path: str, ops: int) -> Schedule | None:
    """With the next switch of a thread after its operation ``ops`` made as soon as it can be. None if it has none."""
    mine = [each for each in schedule if each[0] == path and each[1] > ops]
    if not mine:
        return None
    switch = min(mine, key=itemgetter(1))
    target = switch[2]
    sooner = next(
        (when for waiting, when, _, others in choices if waiting == path and when > ops and target in others), None
    )
    if sooner is None:
        return None
    return tuple((path, sooner, target) if each is switch else each for each in schedule)


def without_threads(run: Sequence[Stretch]) -> Iterator[list[Stretch]]:
    """Without half of the threads, a quarter, ... and at last each single one."""
    paths = sorted({path for path, _ in run})
    size = len(paths) // 2
    while size >= 1:
        for start in range(0, len(paths), size):
            out = paths[start : start + size]
            yield [stretch for stretch in run if stretch[0] not in out]
        size //= 2


def with_stretches_moved(run: Sequence[Stretch]) -> Iterator[list[Stretch]]:
    """With each stretch left out, or moved to the one of its thread before it or after it."""
    for index, stretch in enumerate(run):
        rest = [*run[:index], *run[index + 1 :]]
        yield rest
        before = [number for number in range(index) if run[number][0] == stretch[0]]
        if before:
            yield [*rest[: before[-1] + 1], stretch, *rest[before[-1] + 1 :]]
        after = [number for number in range(index, len(rest)) if rest[number][0] == stretch[0]]
        if after:
            yield [*rest[: after[0]], stretch, *rest[after[0] :]]
