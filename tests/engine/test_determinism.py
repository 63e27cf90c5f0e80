"""The same seed gives the same interleavings, whatever ran before; the failure found is as simple as it can be."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Engine


def orders(engine: Engine) -> str:
    done: list[str] = []

    def work(name: str) -> None:
        for _ in range(3):
            done.append(name)  # noqa: PERF401 - one operation each

    engine.together(lambda: work("a"), lambda: work("b"))
    return "".join(done)


@pytest.mark.parametrize("strategy", ["random", "pct", "pos", "surw", "directed", "auto"])
def test_the_same_seed_gives_the_same_interleavings(engine: Engine, strategy: str) -> None:
    first = engine.passes(lambda: orders(engine), seed=3, strategy=strategy)
    engine.explore(lambda: orders(engine), seed=9, strategy=strategy, nodeid="another")
    assert engine.passes(lambda: orders(engine), seed=3, strategy=strategy) == first
    assert engine.passes(lambda: orders(engine), seed=4, strategy=strategy) != first
    assert first[0] == "aaabbb"


def lost_update(engine: Engine) -> None:
    count = [0]

    def work() -> None:
        seen = count[0]
        count[0] = seen + 1

    engine.together(work, work)
    assert count[0] == 2


def wrong_order(engine: Engine) -> None:
    value: list[int] = []
    reader = threading.Thread(target=lambda: value.append(1))
    other = threading.Thread(target=lambda: value.append(2))
    reader.start()
    other.start()
    reader.join()
    other.join()
    assert value == [1, 2]


def test_a_lost_update_needs_one_preemption(engine: Engine) -> None:
    explored = engine.explore(lambda: lost_update(engine), interleavings=100)
    assert explored.verdict == "race"
    assert len(explored.failure.preemptions) == 1
    assert explored.failure.reproduced[0] == explored.failure.reproduced[1] > 1


def test_a_mere_order_needs_none(engine: Engine) -> None:
    explored = engine.explore(lambda: wrong_order(engine), interleavings=100)
    assert explored.verdict == "race"
    assert explored.failure.preemptions == []


def test_a_token_replays_its_failure(engine: Engine) -> None:
    token = engine.explore(lambda: lost_update(engine), interleavings=100).failure.token
    replayed = engine.explore(lambda: lost_update(engine), replay=token)
    assert replayed.verdict == "race"
    assert isinstance(replayed.error, AssertionError)
    assert replayed.result.notes == []


# --- in other processes

PROGRAMS = """
    import queue
    import random
    import threading

    import pytest


    class Account:
        def __init__(self):
            self.balance = 100
            self.names = {"ann", "bob", "cid", "dora"}

        def withdraw(self, amount):
            if self.balance >= amount:
                self.balance -= amount


    def together(*functions):
        threads = [threading.Thread(target=function) for function in functions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


    @pytest.mark.race
    def test_overdraft():
        account = Account()
        together(lambda: account.withdraw(80), lambda: account.withdraw(70))
        assert account.balance >= 0


    @pytest.mark.race(strategy="random")
    def test_lost_update(racecheck):
        count = {"n": 0}
        def add():
            count["n"] = count["n"] + 1
        racecheck.run(add, add, add)
        assert count["n"] > 1


    @pytest.mark.race(interleavings=40, strategy="pct")
    def test_sets_and_queues(racecheck):
        account, items, done = Account(), queue.Queue(), []
        def put():
            for name in account.names:
                items.put(name)
        def get():
            for _ in account.names:
                done.append(items.get())
        racecheck.run(put, get)
        assert set(done) == account.names
        racecheck.outcome(items.qsize())


    @pytest.mark.race
    def test_deadlock():
        locks = {"left": threading.Lock(), "right": threading.Lock()}
        def take(first, second):
            with locks[first], locks[second]:
                pass
        together(lambda: take("left", "right"), lambda: take("right", "left"))


    @pytest.mark.race(interleavings=30, strategy="random")
    def test_good(racecheck):
        account, lock, orders = Account(), threading.Lock(), []
        def order(name):
            Account().withdraw(1)  # its own, unlike those of other tests
            with lock:
                orders.append(name)
            with lock:
                orders.append(name)
        racecheck.run(lambda: order("a"), lambda: order("b"))
        racecheck.outcome(f"{''.join(orders)} {random.randrange(1000)}")
"""

TESTS = ("test_overdraft", "test_lost_update", "test_sets_and_queues", "test_deadlock", "test_good")


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def results(pytester: pytest.Pytester, *arguments: str) -> dict[str, dict[str, object]]:
    """All that the report says of each test, but for what depends on the time that it took."""
    report = pytester.path / "report.json"
    report.unlink(missing_ok=True)
    run = pytester.runpytest_subprocess(  # without a cache: what failed before would be tried first
        *("-p", "racecheck", "-p", "no:cacheprovider", "--racecheck-seed=5", f"--racecheck-json={report}", *arguments)
    )
    assert run.ret in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    tests = json.loads(report.read_text())["tests"]
    return {
        test["nodeid"].partition("::")[2]: {
            name: value for name, value in test.items() if name not in ("seconds", "per_second")
        }
        for test in tests
    }


@pytest.mark.usefixtures("alone")
def test_other_processes_see_the_same(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makepyfile(test_it=PROGRAMS)
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    first = results(pytester)
    good = ("passed", "proved")
    verdicts = {name: "good" if test["verdict"] in good else test["verdict"] for name, test in first.items()}
    assert verdicts == {
        "test_overdraft": "race",
        "test_lost_update": "race",
        "test_sets_and_queues": "good",
        "test_deadlock": "deadlock",
        "test_good": "good",
    }
    for seed in ("1", "2024"):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        assert results(pytester) == first


@pytest.mark.usefixtures("alone")
def test_tests_that_ran_before_make_no_difference(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=PROGRAMS)
    first = results(pytester)
    assert results(pytester, *(f"test_it.py::{name}" for name in reversed(TESTS))) == first
    assert results(pytester, "test_it.py::test_lost_update") == {"test_lost_update": first["test_lost_update"]}


@pytest.mark.usefixtures("alone")
def test_workers_see_the_same(pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    pytester.makepyfile(test_it=PROGRAMS)
    assert results(pytester, "-p", "xdist", "-n2") == results(pytester, "-p", "xdist", "-n0")


@pytest.mark.usefixtures("alone")
def test_another_seed_and_an_equal_test_elsewhere_see_something_else(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=PROGRAMS)
    first = results(pytester, "-k", "test_good")["test_good"]["outcomes"]
    assert results(pytester, "-k", "test_good", "--racecheck-seed=6")["test_good"]["outcomes"] != first
    (pytester.path / "test_it.py").rename(pytester.path / "test_elsewhere.py")
    assert results(pytester, "-k", "test_good")["test_good"]["outcomes"] != first
