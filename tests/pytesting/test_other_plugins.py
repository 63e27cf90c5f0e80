"""Plugins that run tests again, or in threads, themselves."""

from __future__ import annotations

import json

import pytest

RACE = """
    import pytest

    class Account:
        def __init__(self):
            self.balance = 100

        def withdraw(self, amount):
            if self.balance >= amount:
                self.balance -= amount

    @pytest.mark.race
    def test_bad(racecheck):
        account = Account()
        racecheck.run(lambda: account.withdraw(80), lambda: account.withdraw(70))
        assert account.balance >= 0
"""


def test_rerunfailures_runs_only_what_is_not_marked(pytester: pytest.Pytester) -> None:
    pytest.importorskip("pytest_rerunfailures")
    pytester.makepyfile(
        RACE
        + """
    @pytest.mark.race
    @pytest.mark.flaky(reruns=5)
    def test_flaky_and_bad():
        assert False

    runs = []

    def test_plain():
        runs.append(1)
        assert len(runs) == 3

    def test_marked_as_flaky_for_good():
        assert False
"""
    )
    result = pytester.runpytest_subprocess("-p", "pytest_rerunfailures", "--reruns=2", "--racecheck-json=out.json")
    result.assert_outcomes(passed=1, failed=3)
    assert result.parseoutcomes()["rerun"] == 4, "two of each plain test"
    tests = json.loads((pytester.path / "out.json").read_text())["tests"]
    assert [(test["nodeid"].partition("::")[2], test["verdict"]) for test in tests] == [
        ("test_bad", "race"),
        ("test_flaky_and_bad", "serial-failure"),
    ]


def test_run_parallel_is_refused_where_tests_are_marked(pytester: pytest.Pytester) -> None:
    # A stand-in for pytest-run-parallel: what counts is its option.
    pytester.makeconftest(
        """
        def pytest_addoption(parser):
            parser.addoption("--parallel-threads", dest="parallel_threads", default="1")
        """
    )
    pytester.makepyfile(RACE + "\n    def test_plain(): pass\n")
    result = pytester.runpytest("--parallel-threads=2")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: racecheck and --parallel-threads (pytest-run-parallel) can't be used together"]
    )
    pytester.runpytest("--parallel-threads=2", "-k", "plain").assert_outcomes(passed=1, deselected=1)
    pytester.runpytest("--parallel-threads=1").assert_outcomes(passed=1, failed=1)


def test_repeat_explores_each_repetition_alike(pytester: pytest.Pytester) -> None:
    pytest.importorskip("pytest_repeat")
    pytester.makepyfile(RACE)
    result = pytester.runpytest_subprocess("-p", "pytest_repeat", "--count=3", "--racecheck-json=out.json")
    result.assert_outcomes(failed=3)
    tests = json.loads((pytester.path / "out.json").read_text())["tests"]
    assert [test["verdict"] for test in tests] == ["race"] * 3


def test_timeout_of_pytest_timeout_is_not_in_the_way(pytester: pytest.Pytester) -> None:
    pytest.importorskip("pytest_timeout")
    pytester.makepyfile(RACE + "\n    def test_plain(): pass\n")
    for method in ("signal", "thread"):
        result = pytester.runpytest_subprocess("-p", "pytest_timeout", "--timeout=60", f"--timeout-method={method}")
        result.assert_outcomes(passed=1, failed=1)
        result.stdout.fnmatch_lines(["race *::test_bad: interleaving *"])
