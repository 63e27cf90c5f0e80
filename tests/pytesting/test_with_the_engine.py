"""pytest and the real engine together: what is found, how it reads, and that it can be replayed."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

PROGRAMS = """
    import pytest, threading, time, unittest

    class Account:
        def __init__(self): self.balance = 100
        def withdraw(self, amount):
            if self.balance >= amount:
                self.balance -= amount

    @pytest.fixture
    def account(): return Account()

    def together(*functions):
        threads = [threading.Thread(target=function) for function in functions]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
"""


def run(pytester: pytest.Pytester, source: str, *arguments: str) -> pytest.RunResult:
    """Run a test module that starts with ``PROGRAMS``, ."""
    pytester.makepyfile(test_it=textwrap.dedent(PROGRAMS) + textwrap.dedent(source))
    return pytester.runpytest_inprocess("--racecheck-seed=1", *arguments)


RACES = """
    @pytest.mark.race
    def test_function(account, racecheck):
        racecheck.run(lambda: account.withdraw(80), lambda: account.withdraw(70))
        assert account.balance >= 0

    @pytest.mark.race(threads=2)
    def test_threads(account):
        account.withdraw(80)
        assert account.balance >= 0

    @pytest.mark.race
    class TestCase(unittest.TestCase):
        def test_method(self):
            account = Account()
            together(lambda: account.withdraw(80), lambda: account.withdraw(70))
            self.assertGreaterEqual(account.balance, 0)

    @pytest.fixture
    def overdrawn(account):
        together(lambda: account.withdraw(80), lambda: account.withdraw(70))
        assert account.balance >= 0

    @pytest.mark.race
    def test_set_up(overdrawn): pass
"""


def test_races_are_found_wherever_the_threads_are(pytester: pytest.Pytester) -> None:
    result = run(pytester, RACES, "--racecheck-json=out.json")
    result.assert_outcomes(failed=4)
    tests = json.loads((pytester.path / "out.json").read_text())["tests"]
    assert [test["verdict"] for test in tests] == ["race"] * 4
    text = result.stdout.str()
    assert "pytesting" not in text
    assert "racecheck = <racecheck, interleaving " in text
    assert text.count("replay: pytest ") == 4


def test_a_token_replays_the_failure_at_once(pytester: pytest.Pytester) -> None:
    run(pytester, RACES, "--racecheck-json=out.json")
    for test in json.loads((pytester.path / "out.json").read_text())["tests"]:
        result = pytester.runpytest_inprocess(
            test["nodeid"], f"--racecheck-replay={test['failure']['token']}", "--racecheck-json=again.json"
        )
        result.stdout.fnmatch_lines(["racecheck *: replays one interleaving"])
        if test["nodeid"].endswith("::test_set_up"):  # pytest itself sets up the first interleaving
            result.assert_outcomes(errors=1)
            continue
        result.assert_outcomes(failed=1)
        (again,) = json.loads((pytester.path / "again.json").read_text())["tests"]
        assert (again["verdict"], again["interleavings"]) == ("race", 1)
        assert again["failure"]["message"] == test["failure"]["message"]


def test_a_deadlock_reads_as_one_line_and_its_explanation(pytester: pytest.Pytester) -> None:
    source = """
        @pytest.mark.race
        def test_pair():
            lock_a, lock_b = threading.Lock(), threading.Lock()
            def first():
                with lock_a, lock_b: pass
            def second():
                with lock_b, lock_a: pass
            together(first, second)

        def test_next(account): assert account.balance == 100
        """
    for arguments in ((), ("--tb=short",), ("--tb=line",), ("-p", "xdist", "-n1")):
        result = run(pytester, source, *arguments)
        result.assert_outcomes(failed=1, passed=1)
        result.stdout.fnmatch_lines(["FAILED test_it.py::test_pair - lock-order cycle: T1 holds*"])
        if "--tb=line" not in arguments:
            result.stdout.fnmatch_lines(["E   *T1 holds lock_a, wants lock_b*", "", "test_it.py:*: DeadlockFailure"])
            result.stdout.fnmatch_lines(["*- racecheck -*", "deadlock: lock-order cycle*", "*replay: pytest *"])


def test_a_hang_shows_where_the_threads_are(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        @pytest.mark.race(timeout=1)
        def test_spin():
            def spin():
                while True: pass
            together(spin)

        def test_next(account): assert account.balance == 100
        """,
    )
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["E   *within 1 s*", "test_it.py:*: HangFailure", "T1: *spin: [cw]*", "*in *.spin"])


def test_waiting_at_a_prompt_is_no_hang(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    result = run(
        pytester,
        """
        from pytest_racecheck.engine import real

        class Slow:  # a person at a prompt
            def __init__(self, *args, **kwargs): pass
            def set_trace(self, frame=None): real.sleep(2.5)

        @pytest.mark.race(timeout=1, interleavings=2)
        def test_it(racecheck):
            if racecheck.interleaving == 1:
                breakpoint()
        """,
        "--pdbcls=test_it:Slow",
    )
    result.assert_outcomes(passed=1)


def test_nondeterminism_shows_the_failure_that_was_seen(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        seen = []

        @pytest.mark.race
        def test_once(account, racecheck):
            racecheck.run(lambda: account.withdraw(1), lambda: account.withdraw(2))
            seen.append(1)
            assert len(seen) != 5, "only once"
        """,
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([">       assert len(seen) != 5, *", "*- racecheck -*", "nondeterministic: *"])


def test_fixtures_of_wider_scope_are_not_controlled(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import queue

        @pytest.fixture(scope="module")
        def doubled():
            questions, answers = queue.Queue(), queue.Queue()
            def serve():
                while (value := questions.get()) is not None: answers.put(value * 2)
            server = threading.Thread(target=serve)
            server.start()
            def ask(value):
                questions.put(value)
                return answers.get()
            yield ask
            questions.put(None)
            server.join()

        @pytest.mark.race(interleavings=10)
        def test_it(doubled):
            assert doubled(4) == 8
        """,
    )
    result.assert_outcomes(passed=1)


def test_all_explores_what_is_not_marked(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        def test_bank(account):
            together(lambda: account.withdraw(80), lambda: account.withdraw(70))
            assert account.balance >= 0
        """,
        "--racecheck-all",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["race  test_it.py::test_bank: *"])


def test_the_fixture_works_without_the_marker(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        def test_it(racecheck):
            assert racecheck.run(lambda: 1, lambda: 2, lambda: threading.current_thread().name) == [1, 2, "<lambda>-3"]
            assert racecheck.run() == []
            racecheck.point("here")
            racecheck.outcome(1)
            racecheck.sometimes(False, "never")
            with racecheck.atomic(): pass
            assert (racecheck.interleaving, racecheck.seed) == (0, 0)
            with pytest.raises(ZeroDivisionError): racecheck.run(lambda: 1 / 0, lambda: 2)
            with pytest.raises(TypeError, match="takes callables, not 3"): racecheck.run(3)
        """,
    )
    result.assert_outcomes(passed=1)


def test_run_takes_methods_that_are_written_in_c(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import functools

        import pytest

        def look(table):
            if "a" in table:
                assert table.get("a") == 1

        @pytest.mark.race
        def test_clear(racecheck):
            table = {"a": 1}
            racecheck.run(lambda: look(table), table.clear)

        @pytest.mark.race
        def test_pop(racecheck):
            table = {"a": 1}
            racecheck.run(lambda: look(table), functools.partial(table.pop, "a"))
        """
    )
    result = pytester.runpytest_inprocess("-p", "racecheck")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*2 race"])
