"""Real results for tests of what is drawn from them: a race, a deadlock, tests that pass, and a very long run."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from pytest_racecheck.report.json_file import document
from pytest_racecheck.report.model import Failure, Step, TestResult, ThreadReport

if TYPE_CHECKING:
    from tests.conftest import Engine


class Bank:
    def __init__(self) -> None:
        self.balance = 100
        self.lock = threading.Lock()

    def withdraw(self, amount: int) -> None:
        if self.balance >= amount:
            with self.lock:
                self.balance -= amount


def race(engine: Engine) -> TestResult:
    """A check and an act that another thread gets in between; the act alone is locked."""

    def body() -> None:
        bank = Bank()
        engine.together(lambda: bank.withdraw(80), lambda: bank.withdraw(70))
        assert bank.balance >= 0, "balance went below zero"

    return engine.explore(body, nodeid="test_bank.py::test_race").result


def deadlock(engine: Engine) -> TestResult:
    """Two locks, taken in either order."""

    def body() -> None:
        first, second = threading.Lock(), threading.Lock()

        def forth() -> None:
            with first, second:
                pass

        def back() -> None:
            with second, first:
                pass

        engine.together(forth, back)

    return engine.explore(body, nodeid="test_bank.py::test_deadlock").result


def passing(nodeid: str = "test_bank.py::test_passes", **more: Any) -> TestResult:
    """No failure."""
    return TestResult(nodeid, "proved", "auto", 1, 200, 6, 4, True, None, 0.01, 600.0, **more)


def failing(*steps: Step, nodeid: str = "test_it.py::test_it", **more: Any) -> TestResult:
    """A race of T1 and T2, or what ``more`` says of the failure."""
    threads = [ThreadReport(name, f"thread-{name}", "work", "finished") for name in ("T1", "T2")]
    known = {"kind": "race", "exception": "AssertionError", "message": "assert 1 == 2", "token": "rc1-abc", **more}
    failure = Failure(**{"threads": threads, "steps": list(steps), **known})
    return TestResult(nodeid, failure.kind, "auto", 1, 200, 3, 2, False, 2, 0.01, 300.0, failure)


def step(n: int, thread: str, line: int, **more: Any) -> Step:
    """One of the steps of a failure."""
    known = {"operation": "read", "resource": "box.value", "code": f"use(box, {line})", **more}
    return Step(n, thread, "/src/it.py", line, 0, source="box.value", **known)


def long_run(steps: int) -> TestResult:
    """Two threads that take turns."""
    return failing(*(step(n, f"T{n % 2 + 1}", n, before=str(n)) for n in range(1, steps + 1)))


def of(*results: TestResult) -> dict[str, Any]:
    """The session that they are the results of."""
    return document([result.to_json() for result in results])
