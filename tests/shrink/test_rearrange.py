"""A run is rearranged by stretches: nothing of what stays is reordered, and the schedule names each switch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from pytest_racecheck.shrink.rearrange import schedule_of, stretches, with_stretches_moved, without_threads

if TYPE_CHECKING:
    from pytest_racecheck.shrink.rearrange import Stretch

RUN: list[Stretch] = [("0", 3), ("0.1", 2), ("0.2", 4), ("0.1", 7), ("0", None)]


@st.composite
def runs(draw: st.DrawFn) -> list[Stretch]:
    """Any run: no thread follows itself, and each gets on."""
    found: list[Stretch] = []
    done: dict[str, int] = {}
    for path in draw(st.lists(st.sampled_from(["0", "0.1", "0.2", "0.3"]), min_size=2, max_size=12)):
        if not found or found[-1][0] != path:
            done[path] = done.get(path, 0) + draw(st.integers(1, 3))
            found.append((path, done[path]))
    found[-1] = (found[-1][0], None)
    return found


def test_a_run_consists_of_what_lies_between_its_switches() -> None:
    switches = [("0", 3, "0.1"), ("0.1", 2, "0.2"), ("0.2", 4, "0.1"), ("0.1", 7, "0")]
    assert stretches(switches) == RUN
    assert stretches([]) == []


@given(runs())
def test_there_and_back(run: list[Stretch]) -> None:
    assert stretches(schedule_of(run)) == (run if len(run) > 1 else [])


def test_stretches_that_meet_are_one() -> None:
    assert schedule_of([("0", 3), ("0.1", 2), ("0.1", 7), ("0", None)]) == (("0", 3, "0.1"), ("0.1", 7, "0"))


def test_first_half_of_the_threads_goes_then_each() -> None:
    assert list(without_threads(RUN)) == [
        [("0.1", 2), ("0.2", 4), ("0.1", 7)],
        [("0", 3), ("0.2", 4), ("0", None)],
        [("0", 3), ("0.1", 2), ("0.1", 7), ("0", None)],
    ]


def test_each_stretch_goes_or_joins_one_of_its_thread() -> None:
    moved = list(with_stretches_moved(RUN))
    assert [("0", 3), ("0.1", 2), ("0.1", 7), ("0", None)] in moved, "left out"
    assert [("0", 3), ("0.1", 2), ("0.1", 7), ("0.2", 4), ("0", None)] in moved, "earlier"
    assert [("0", 3), ("0.2", 4), ("0.1", 2), ("0.1", 7), ("0", None)] in moved, "later"


@given(runs())
def test_each_thread_keeps_its_order(run: list[Stretch]) -> None:
    for moved in (*with_stretches_moved(run), *without_threads(run)):
        for thread in {path for path, _ in run}:
            before = [stretch for stretch in run if stretch[0] == thread]
            assert [stretch for stretch in moved if stretch[0] == thread] in (
                before,
                [],
                *(before[:index] + before[index + 1 :] for index in range(len(before))),
            )
