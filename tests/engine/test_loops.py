"""What the source says of the loops that a call is in."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator

import pytest

from pytest_racecheck.engine.loops import clock_loop, told_loop, unread

LATER = 1.0
seen: list[object] = []


def now() -> float:
    """Stands for a clock; says how the loop around its call was understood."""
    found = clock_loop(sys._getframe(1))
    seen.append(found if isinstance(found, str | None) else "only" if found.only else "clock")
    return 2.0


def in_the_test() -> None:
    while now() < LATER:
        pass


def with_a_nested_loop() -> None:
    while now() < LATER:
        for _ in ():
            break


def with_another_condition(stop: bool = False) -> None:
    while not stop and now() < LATER:
        pass


def with_another_way_out(stop: bool = False) -> None:
    while now() < LATER:
        if stop:
            break


def that_may_return(stop: bool = False) -> None:
    while now() < LATER:
        for _ in ():
            if stop:
                return


def that_yields() -> Iterator[int]:
    while now() < LATER:
        yield 1


def by_a_way_out() -> None:
    while True:
        if now() > LATER:
            break


def by_a_variable() -> None:
    while True:
        elapsed = now() - 0.5
        if elapsed > LATER:
            return


def by_a_variable_in_the_test() -> None:
    elapsed = 0.0
    while elapsed < LATER:
        elapsed = now()


def to_measure(turns: int = 1) -> None:
    while turns:
        start = now()
        turns -= int(start > 0)


def to_fail(turns: int = 1) -> None:
    while turns:
        if now() < LATER:
            raise AssertionError
        turns -= 1


def in_a_for_loop() -> None:
    for _ in range(2):
        if now() > LATER:
            break


def what_a_for_loop_goes_over() -> None:
    for _ in range(int(now())):
        pass


def in_no_loop() -> None:
    now()


def after_a_loop() -> None:
    turns = 1
    while turns:
        turns -= 1
    now()


def in_a_function_inside() -> None:
    def is_late() -> bool:
        return now() > LATER

    while not is_late():
        pass


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (in_the_test, "only"),
        (with_a_nested_loop, "only"),
        (with_another_condition, "clock"),
        (with_another_way_out, "clock"),
        (that_may_return, "clock"),
        (that_yields, "clock"),
        (by_a_way_out, "only"),
        (by_a_variable, "only"),
        (by_a_variable_in_the_test, "only"),
        (to_measure, "other"),
        (to_fail, "other"),
        (in_a_for_loop, "other"),
        (what_a_for_loop_goes_over, None),
        (in_no_loop, None),
        (after_a_loop, None),
        (in_a_function_inside, None),
    ],
)
def test_whether_a_clock_ends_it(function: Callable[[], object], expected: str | None) -> None:
    seen.clear()
    found = function()
    if isinstance(found, Iterator):
        list(found)
    assert seen[0] == expected


def test_code_without_source() -> None:
    namespace = {"now": now}
    seen.clear()
    exec("while now() < 1: pass", namespace)
    assert seen == [None]


def test_variables_that_make_no_difference() -> None:
    found: list[frozenset[str]] = []

    def look() -> bool:
        frame = sys._getframe(1)
        found.append(unread(frame.f_code, frame.f_lasti))
        return True

    def count(limit: int) -> int:
        tries = turns = captured = 0
        while not look():
            tries += 1
            turns += 1
            captured += 1
            if turns > limit:
                return 0
            for number in range(3):
                look()
                captured = number
        return tries + sum(captured for _ in range(2))

    count(3)
    assert found == [{"tries"}]

    def everything() -> None:
        tries = 0
        while not look():
            tries += len(locals())

    everything()
    assert found[1] == frozenset()


def told() -> bool:
    """Says whether others decide if the loop around its call goes on; it ends all the same."""
    frame = sys._getframe(1)
    seen.append(told_loop(frame.f_code, frame.f_lasti) is not None)
    return True


class Worker:
    def __init__(self) -> None:
        self.stop = False
        self.turns = 0

    def by_a_flag(self) -> None:
        while not (told() or self.stop):
            self.turns += 1

    def by_a_function(self) -> None:
        while not told():
            self.turns += 1

    def by_a_way_out(self) -> None:
        while True:
            self.turns += 1
            if told() or self.stop:
                break

    def by_a_way_out_of_an_endless_loop(self) -> None:
        for self.turns in itertools.count():
            if told() or self.stop:
                return

    def by_what_it_counts(self) -> None:
        turns = 0
        while turns < 2 and told():
            turns += 1

    def by_a_way_out_that_goes_by_what_it_counts(self) -> None:
        while not (told() or self.stop):
            turns = self.turns
            if turns > 2:
                break

    def or_at_its_end(self) -> None:
        for _ in range(2):
            if told() or self.stop:
                break

    def or_by_another_way(self) -> None:
        while not (told() or self.stop):
            try:
                self.turns += 1
            finally:
                return  # noqa: B012 - a way out that no `if` decides on

    def elsewhere(self) -> None:
        while not self.stop:
            self.stop = told()


@pytest.mark.parametrize(
    ("loop", "expected"),
    [
        (Worker.by_a_flag, True),
        (Worker.by_a_function, True),
        (Worker.by_a_way_out, True),
        (Worker.by_a_way_out_of_an_endless_loop, True),
        (Worker.by_what_it_counts, False),
        (Worker.by_a_way_out_that_goes_by_what_it_counts, False),
        (Worker.or_at_its_end, False),
        (Worker.or_by_another_way, False),
        (Worker.elsewhere, False),
    ],
)
def test_whether_others_may_end_it(loop: Callable[[Worker], None], expected: bool) -> None:
    seen.clear()
    loop(Worker())
    assert seen[0] is expected
