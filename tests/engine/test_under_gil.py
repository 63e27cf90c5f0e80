"""The search under the `gil` model, on programs of which all schedules are known."""

from __future__ import annotations

from collections import UserString
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import PurePath
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_racecheck.engine.run import Run
from pytest_racecheck.engine.under_gil import EACH_RUN, search_under_gil

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_racecheck.engine.schedule import Choice, Schedule
    from tests.conftest import Engine


def run(kind: Any, schedule: Schedule = (), **more: Any) -> Run:
    known = {"known": 1, "uncontrolled": (), "napped": False, **more}
    return Run(kind, None, "T1", None, "", schedule, 0, 0, 2, 0, **known)


FAILING = run("failed")


class Program:
    """Stands for the engine: every run has the same choices; ``fails`` says which schedules do."""

    def __init__(
        self, choices: list[Choice], fails: Callable[[Schedule], bool], *, searched: Any = None, **more: Any
    ) -> None:
        self.runs: list[Schedule] = []
        self._choices = choices
        self._fails = fails
        self._more = more
        self._searched = {"kind": "passed", **(searched or {})}

    def __call__(self, strategy: Any) -> Run:
        if not hasattr(strategy, "choices"):
            self.runs.append(("searching",))  # type: ignore[arg-type]
            return run(**self._searched)
        schedule = tuple(
            (path, ops, target)
            for path, ops, _, others in self._choices
            if (target := strategy._deviations.get((path, ops))) in others
        )
        strategy.choices = list(self._choices)
        self.runs.append(schedule)
        return run("failed" if self._fails(schedule) else "passed", schedule, **self._more)


CHOICES: list[Choice] = [
    ("0.1", 1, True, ("0.2",)),
    ("0.1", 2, True, ("0.2",)),
    ("0.1", 3, False, ("0", "0.2", "0.10")),
]


class Exhaustive:
    """Stands for an exhaustive search that has come to its end after ``runs`` runs."""

    def __init__(self, runs: int) -> None:
        self.left = runs
        self.gaps: set[str] = set()

    @property
    def finished(self) -> bool:
        self.left -= 1
        return self.left <= 0

    def restart(self) -> None:
        """The first run shows what counts."""


def searching(exhaustive: Exhaustive | None = None) -> Any:
    return SimpleNamespace(exhaustive=exhaustive)


SEARCHING = searching()


def search(program: Program, first: Schedule = (), **budget: Any) -> str:
    return search_under_gil(FAILING, program, SEARCHING, first, **budget)


def test_every_schedule_is_run_once_the_simplest_first() -> None:
    program = Program(CHOICES, lambda schedule: False)
    assert search(program) == "unreachable"
    # Two places to switch or not, one with three threads to go on with; the first run shows what counts.
    assert sorted(program.runs[1:]) == sorted(set(program.runs))
    assert len(program.runs) == 1 + 2 * 2 * 3
    assert [len(schedule) for schedule in program.runs] == sorted(len(schedule) for schedule in program.runs)


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_a_failure_is_found_however_many_switches_it_takes(number: int) -> None:
    assert search(Program(CHOICES, lambda schedule: len(schedule) == number)) == "reachable"


def test_the_known_schedule_is_tried_first() -> None:
    program = Program(CHOICES, lambda schedule: len(schedule) == 2)
    assert search(program, (("0.1", 1, "0.2"), ("0.1", 2, "0.2"))) == "reachable"
    assert len(program.runs) == 1


def test_another_failure_is_not_the_one() -> None:
    program = Program(CHOICES, lambda schedule: True)
    deadlock = run("deadlock")
    assert search_under_gil(deadlock, program, SEARCHING) == "unreachable"


@pytest.mark.parametrize("doubt", [{"uncontrolled": ("a socket",)}, {"gaps": ("a call into C",)}])
def test_what_is_not_modelled_leaves_it_open(doubt: dict[str, Any]) -> None:
    assert search(Program(CHOICES, lambda schedule: False, **doubt)) == "unknown"


def test_a_budget_that_is_too_small_leaves_it_open() -> None:
    program = Program(CHOICES, lambda schedule: False)
    assert search(program, runs=8) == "unknown"
    assert program.runs.count(("searching",)) == 4  # type: ignore[arg-type]
    assert search(Program(CHOICES, lambda schedule: False), seconds=0) == "unknown"


def test_one_schedule_of_each_class_is_enough() -> None:
    program = Program(CHOICES, lambda schedule: False)
    assert search_under_gil(FAILING, program, searching(Exhaustive(3)), runs=8) == "unreachable"
    assert program.runs[4:] == [("searching",)] * 3


def test_no_class_is_one_that_can_not_be_told() -> None:
    exhaustive = Exhaustive(3)
    exhaustive.gaps.add("a call into C")
    assert (
        search_under_gil(FAILING, Program(CHOICES, lambda schedule: False), searching(exhaustive), runs=8) == "unknown"
    )


@pytest.mark.parametrize("doubt", [{"uncontrolled": ("a socket",)}, {"napped": True}, {"gaps": ("a call into C",)}])
def test_what_is_not_modelled_leaves_classes_open(doubt: dict[str, Any]) -> None:
    program = Program(CHOICES, lambda schedule: False, searched=doubt)
    assert search_under_gil(FAILING, program, searching(Exhaustive(3)), runs=8) == "unknown"


def test_classes_that_another_failure_cut_short_are_open() -> None:
    program = Program(CHOICES, lambda schedule: False, searched={"kind": "deadlock"})
    assert search_under_gil(FAILING, program, searching(Exhaustive(3)), runs=8) == "unknown"


def test_a_schedule_that_can_not_be_followed_leaves_it_open() -> None:
    class Stubborn(Program):
        def __call__(self, strategy: Any) -> Run:
            followed = super().__call__(strategy)
            followed.schedule = ()
            return followed

    assert search(Stubborn(CHOICES, lambda schedule: False)) == "unknown"


# --- real programs


class Account:
    def __init__(self) -> None:
        self.balance = 100
        self.is_open = True


class Euros(int):
    def __ge__(self, other: int) -> bool:
        return int(self) >= other


def add(account: Any, amount: int) -> None:
    account.balance = account.balance + amount


def take(account: Account, amount: int) -> None:
    if account.balance >= amount:
        account.balance -= amount


def take_unless_closed(account: Account, amount: int) -> None:
    closed = not account.is_open
    if not closed:
        account.balance = account.balance - amount


def take_with_a_call(account: Account, amount: int) -> None:
    if account.balance >= amount:
        whole = int(amount)
        account.balance -= whole


@pytest.mark.parametrize(
    ("change", "amount", "answer"),
    [
        (add, 60, "unreachable"),
        (take, 60, "unreachable"),
        (take_unless_closed, 60, "unreachable"),
        (take_with_a_call, 60, "reachable"),
    ],
)
def test_operators_on_plain_values_are_no_place_to_switch(
    engine: Engine, change: Callable[[Account, int], None], amount: int, answer: str
) -> None:
    def body() -> None:
        account = Account()
        before = account.balance
        engine.together(lambda: change(account, amount), lambda: change(account, amount))
        serial = Account()
        change(serial, amount)
        change(serial, amount)
        assert account.balance == serial.balance, before

    assert engine.explore(body, interleavings=200).failure.under_gil == answer


def test_operators_in_python_are(engine: Engine) -> None:
    def body() -> None:
        account = Account()
        account.balance = Euros(100)
        engine.together(lambda: take(account, 60), lambda: take(account, 60))
        assert account.balance >= 0

    assert engine.explore(body, interleavings=200).failure.under_gil == "reachable"


def test_three_threads_that_hardly_meet_are_searched_to_the_end(engine: Engine) -> None:
    def body() -> None:
        account = Account()
        engine.together(*(lambda: take(account, 60) for _ in range(3)))
        assert account.balance == 40

    assert engine.explore(body, interleavings=200).failure.under_gil == "unreachable"


@pytest.mark.parametrize(
    ("start", "step"),
    [(Fraction(0), 1), (UserString(""), "a"), (PurePath(), "a")],
    ids=lambda value: type(value).__name__,
)
def test_so_are_those_of_the_standard_library(engine: Engine, start: Any, step: Any) -> None:
    """Code that racecheck does not look into can be switched away from all the same."""
    account = SimpleNamespace()

    def change() -> None:
        account.value = account.value / step if isinstance(start, PurePath) else account.value + step

    def body() -> None:
        account.value = start
        engine.together(change, change)
        serial = account.value
        account.value = start
        change()
        change()
        assert serial == account.value

    assert engine.explore(body, interleavings=200).failure.under_gil == "reachable"


class Colour(Enum):
    RED = 1
    BLUE = 2


@pytest.mark.parametrize("plain", [Decimal(5), Colour.RED, object()], ids=lambda value: type(value).__name__)
def test_operators_of_classes_in_c_are_no_place_to_switch(engine: Engine, plain: object) -> None:
    """Nor are those that a class in Python has from one in C."""

    def body() -> None:
        box = SimpleNamespace(value=plain, taken=0)

        def take() -> None:
            if box.value == plain:
                box.value = 3
                box.taken = box.taken + 1

        engine.together(take, take)
        assert box.taken == 1

    assert engine.explore(body, interleavings=200).failure.under_gil == "unreachable"


def test_attributes_of_a_namespace_are_no_place_to_switch(engine: Engine) -> None:
    def body() -> None:
        account = SimpleNamespace(balance=0)
        engine.together(lambda: add(account, 1), lambda: add(account, 1))
        assert account.balance == 2

    assert engine.explore(body, interleavings=200).failure.under_gil == "unreachable"


def test_the_budget_is_one_of_scheduling_points_too() -> None:
    program = Program(CHOICES, lambda schedule: False)
    search(program, points=4 * EACH_RUN)
    assert len(program.runs) <= 4
