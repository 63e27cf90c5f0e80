"""What a recorded run tells: names, values, reasons; and that it stays whole whatever the values are."""

from __future__ import annotations

import dataclasses
import functools
import os
import sqlite3
import threading
import time
from collections import OrderedDict, deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_racecheck.engine.confirmation import Confirmation
from pytest_racecheck.engine.peek import MISSING, peek, show, show_item
from pytest_racecheck.engine.recorder import duration
from pytest_racecheck.pytesting.threads import run_together
from pytest_racecheck.report.text import render_title

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_racecheck.engine.run import Run
    from pytest_racecheck.report.model import Failure, Step
    from tests.conftest import Engine


class Account:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.balance = 100

    def withdraw(self, amount: int) -> None:
        if self.balance >= amount:
            time.sleep(1)
            with self.lock:
                self.balance -= amount


def overdrawn(engine: Engine) -> Failure:
    def body() -> None:
        account = Account()
        engine.together(lambda: account.withdraw(80), lambda: account.withdraw(70))
        assert account.balance >= 0

    return engine.explore(body).failure


def story(failure: Failure) -> list[Step]:
    return [step for step in failure.steps if step.level == 0]


def test_names_values_and_reasons(engine: Engine) -> None:
    failure = overdrawn(engine)
    steps = story(failure)
    assert {step.resource for step in steps if step.operation in ("read", "write")} == {"account.balance"}
    assert {step.resource for step in steps if step.operation in ("acquire", "release")} == {"account.lock"}
    writes = [(step.before, step.after, step.holds) for step in steps if step.operation == "write"]
    assert writes[0][0] == "100"
    assert writes[1][0] == writes[0][1]
    assert all(holds == ["account.lock"] for _, _, holds in writes)
    assert "sleeps 1 s" in {step.switch for step in steps}
    check = next(step for step in steps if step.operation == "read")
    assert check.code == "if self.balance >= amount:"
    assert check.code[check.mark_start : check.mark_end] == "self.balance"
    assert (failure.cause, failure.clash_on) == ("check-then-act", "account.balance")
    assert failure.raised is not None
    assert failure.raised.source == "assert account.balance >= 0"
    main = next(thread for thread in failure.threads if thread.id == "main")
    assert main.function == "test_names_values_and_reasons"


def test_variables_of_an_enclosing_function_have_values(engine: Engine) -> None:
    def body() -> None:
        count = 0

        def increment() -> None:
            nonlocal count
            count += 1

        engine.together(increment, increment)
        assert count == 2

    failure = engine.explore(body).failure
    assert [(step.before, step.after) for step in story(failure) if step.operation == "write"] == [
        ("0", "1"),
        ("1", "1"),
    ]
    assert failure.cause == "lost update"


def test_a_wait_names_what_it_waits_for(engine: Engine) -> None:
    def body() -> None:
        ready = threading.Event()
        lock = threading.Lock()

        def waits() -> None:
            with lock:
                ready.wait()

        def sets() -> None:
            with lock:
                ready.set()

        engine.together(waits, sets)

    reasons = {step.switch for step in engine.explore(body).failure.steps}
    assert "waits for event ready" in reasons
    assert "blocked on lock held by T1" in reasons


class Meta(type):
    def __getattribute__(cls, name: str) -> Any:
        raise RuntimeError(name)

    def __instancecheck__(cls, instance: object) -> bool:
        raise RuntimeError


class Hostile(metaclass=Meta):
    value: object

    def __init__(self, depth: int = 1) -> None:
        object.__setattr__(self, "value", Hostile(depth - 1) if depth else 0)

    def __getattribute__(self, name: str) -> Any:
        if name == "value":
            return object.__getattribute__(self, name)
        raise RuntimeError(name)

    def __repr__(self) -> str:
        raise RuntimeError

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    __hash__ = None  # type: ignore[assignment]


def test_hostile_objects_do_not_disturb_the_run(engine: Engine) -> None:
    def body() -> None:
        thing = Hostile()
        marks = []

        def change() -> None:
            before = thing.value
            object.__setattr__(thing, "value", Hostile())
            thing.value = before
            marks.append(len(marks))

        engine.together(change, change)
        assert marks == []

    explored = engine.explore(body)
    assert explored.verdict == "serial-failure"
    assert isinstance(explored.error, AssertionError)
    assert any(step.source == "thing.value" for step in explored.failure.steps)


class MuteError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def test_an_exception_without_a_text_is_reported(engine: Engine) -> None:
    def body() -> None:
        raise MuteError

    failure = engine.explore(body).failure
    assert (failure.exception, failure.message) == ("MuteError", "")


class State(Enum):
    NEW = 1

    def __str__(self) -> str:
        raise AssertionError("called")

    __repr__ = __str__


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (None, "None"),
        ([1, "a"], "[1, 'a']"),
        (deque([1]), "deque([1])"),
        (OrderedDict(a=1), "{'a': 1}"),
        (10**5000, "<int of 16610 bits>"),
        ([10**5000], "<list of 1>"),
        (b"x" * 10**6, "<bytes, 1,000,000 of them>"),
        ({1: Hostile()}, "<dict of 1>"),
        (Hostile(), "<Hostile>"),
        (Decimal("1.50"), "1.50"),
        (date(2026, 1, 2), "2026-01-02"),
        ([Decimal(1)], "[Decimal('1')]"),
        (State.NEW, "State.NEW"),
        (Hostile, "class Hostile"),
        (threading, "module threading"),
    ],
    ids=lambda value: "",
)
def test_values_are_shown_without_asking_them(value: object, text: str) -> None:
    assert show(value) == text


def test_long_values_are_cut() -> None:
    assert len(show("x" * 10**6)) <= 60
    assert len(show(list(range(40)))) < 60
    assert show([list(range(1000))]) == "<list of 1>"


def test_items_are_shown_or_missing() -> None:
    assert show_item({"a": 1}, "a") == "1"
    assert show_item({"a": 1}, "b") == "missing"
    assert show_item([1], 0) == "1"
    assert show_item([1], 5) == "missing"
    assert [show_item({1}, each) for each in (1, 2)] == ["there", "missing"]
    assert show_item({}, []) is None


def test_attributes_that_run_code_are_not_looked_at() -> None:
    class WithProperty:
        @property
        def value(self) -> int:
            raise RuntimeError

    access: Any = type("A", (), {"container": False, "name": "value"})
    assert peek(WithProperty(), access, None) is MISSING


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(10**9, "1 s"), (1_500_000_000, "1.5 s"), (50_000_000, "50 ms"), (2000, "2 us"), (5, "5 ns")],
)
def test_durations_are_short(nanoseconds: int, text: str) -> None:
    assert duration(nanoseconds) == text


def test_files_are_told_with_what_is_done_to_them(engine: Engine, tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    wins: list[int] = []

    def enter(me: int) -> None:
        if not lock.exists():
            lock.write_text(str(me))
            wins.append(me)

    def body() -> None:
        lock.unlink(missing_ok=True)
        wins.clear()
        engine.together(lambda: enter(1), lambda: enter(2))
        assert len(wins) == 1

    failure = engine.explore(body).failure
    assert (failure.cause, failure.clash_on) == ("check-then-act", "the file lock")
    told = {step.resource for step in story(failure) if step.operation == "file"}
    assert told == {"stat lock", "open lock for writing"}


def test_databases_are_told_with_their_statements(engine: Engine, tmp_path: Path) -> None:
    def connected() -> closing[sqlite3.Connection]:
        return closing(sqlite3.connect(tmp_path / "votes.db"))

    def vote() -> None:
        with connected() as database:
            (count,) = database.execute("select count(*) from votes").fetchone()
            database.execute("insert into votes values(?)", (count,))
            database.commit()

    def body() -> None:
        with connected() as database:
            database.executescript("drop table if exists votes; create table votes(n)")
        engine.together(vote, vote)
        with connected() as database:
            assert {n for (n,) in database.execute("select n from votes")} == {0, 1}

    failure = engine.explore(body).failure
    told = {step.resource for step in failure.steps if step.operation == "file"}
    assert {"execute select count(*) from votes", "commit"} < told


def test_what_a_timer_does_by_itself_has_its_place_in_the_library(engine: Engine) -> None:
    def body() -> None:
        fired: list[int] = []
        timer = threading.Timer(1, lambda: fired.append(1))
        timer.start()
        time.sleep(1)
        done = not fired
        timer.cancel()
        timer.join()
        assert not (done and fired)

    failure = engine.explore(body).failure
    assert (failure.cause, failure.clash_on) == ("check-then-act", "timer.finished._flag")
    assert {Path(access.file).name for access in failure.clash if access.thread == "T1"} == {"threading.py"}
    assert failure.advice == []


def overdraw_and_raise(account: Account, amount: int) -> None:
    if account.balance >= amount:
        account.balance -= amount
        if account.balance < 0:
            raise ValueError("overdrawn")


def in_a_pool(*functions: Callable[[], None]) -> None:
    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(function) for function in functions]:
            future.result()


@pytest.mark.parametrize("together", [in_a_pool, lambda *functions: run_together(functions)], ids=["pool", "run"])
def test_what_another_thread_raised_is_told_as_its(engine: Engine, together: Callable[..., None]) -> None:
    def body() -> None:
        account = Account()
        together(*(functools.partial(overdraw_and_raise, account, amount) for amount in (80, 70)))

    failure = engine.explore(body, interleavings=200).failure
    last = failure.clash[-1].thread
    assert failure.raised_in == last != "main"
    assert failure.raised is not None
    assert failure.raised.source == 'raise ValueError("overdrawn")'


def test_threads_of_pools_have_the_same_names_in_every_run_and_the_function_they_run(engine: Engine) -> None:
    names: set[str] = set()

    def body() -> None:
        account = Account()

        def add() -> None:
            names.add(threading.current_thread().name)
            account.balance += 1

        in_a_pool(add, add)
        assert account.balance == 102

    before = ThreadPoolExecutor._counter  # type: ignore[attr-defined]
    failure = engine.explore(body).failure
    assert names == {"ThreadPoolExecutor-0_0", "ThreadPoolExecutor-0_1"}
    assert ThreadPoolExecutor._counter is before  # type: ignore[attr-defined]
    functions = {thread.function.rpartition(".")[2] for thread in failure.threads if thread.id != "main"}
    assert functions == {"add"}


def test_who_should_have_woken_the_one_that_waits_is_told_of(engine: Engine) -> None:
    def body() -> None:
        condition = threading.Condition()

        def wait() -> None:
            with condition:
                condition.wait()

        def wake() -> None:
            with condition:
                condition.notify()

        engine.together(wait, wake)

    failure = engine.explore(body).failure
    assert failure.cause == "lost wake-up"
    assert {(step.thread, step.resource) for step in story(failure)} >= {("T1", "condition"), ("T2", "condition")}


def test_other_threads_have_no_part_in_a_cycle_of_locks(engine: Engine) -> None:
    def body() -> None:
        first, second = threading.Lock(), threading.Lock()

        def take(one: threading.Lock, other: threading.Lock) -> None:
            with one, other:
                pass

        engine.together(
            lambda: take(first, first.__class__()), lambda: take(first, second), lambda: take(second, first)
        )

    failure = engine.explore(body, interleavings=200).failure
    assert failure.cause == "lock-order cycle"
    assert len({step.thread for step in story(failure)}) == 2


def test_a_pool_that_waits_for_itself_is_told_with_what_its_thread_runs(engine: Engine) -> None:
    def body() -> None:
        def outer() -> None:
            pool.submit(int).result()

        with ThreadPoolExecutor(1) as pool:
            pool.submit(outer)

    failure = engine.explore(body).failure
    assert failure.kind == "deadlock"
    assert any(thread.function.endswith("outer") for thread in failure.threads)


def test_a_path_of_the_users_own_kind_is_not_asked_for_its_name(engine: Engine, tmp_path: Path) -> None:
    class Named:
        @property
        def name(self) -> str:
            raise AssertionError

        def __fspath__(self) -> str:
            return str(tmp_path / "lock")

    seen: list[bool] = []

    def body() -> None:
        (tmp_path / "lock").unlink(missing_ok=True)
        seen.clear()

        def enter() -> None:
            if not os.access(Named(), os.R_OK):
                with open(Named(), "w"):  # noqa: PTH123
                    seen.append(True)

        engine.together(enter, enter)
        assert len(seen) == 1

    failure = engine.explore(body).failure
    assert failure.kind == "race"
    assert {step.resource for step in failure.steps if step.operation == "file"} >= {"access", "open for writing"}


def test_a_failure_that_takes_too_long_to_be_recorded_is_told_without_its_steps(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_long(_self: Confirmation, _chosen: object, failed: Run) -> Run:
        return dataclasses.replace(failed, kind="hang")

    def body() -> None:
        seen: list[int] = []
        engine.together(lambda: seen.append(1), lambda: seen.append(2))
        assert seen == [1, 2]

    monkeypatch.setattr(Confirmation, "recorded", too_long)
    explored = engine.explore(body)
    assert explored.verdict == "race"
    assert explored.failure.steps == []
    assert any("too long to be recorded in 5 s" in note for note in explored.result.notes)
    assert "preemption" not in render_title(explored.result, 120)
