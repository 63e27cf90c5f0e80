"""Detectors in a whole session: options, the ini file, what the terminal and the JSON report say."""

from __future__ import annotations

import json
from typing import Any

import pytest

FILE = """
    import threading

    import pytest

    class Counter:
        def __init__(self):
            self.value = 0

    def together(*functions):
        threads = [threading.Thread(target=function) for function in functions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    @pytest.mark.race{marker}
    def test_counter():
        counter = Counter()
        def store():
            counter.value = 1
        together(store, store)

    @pytest.mark.race
    def test_variable():
        count = 0
        def store():
            nonlocal count
            count = 1
        together(store, store)

    @pytest.mark.race
    def test_fine():
        lock = threading.Lock()
        counter = Counter()
        def add():
            with lock:
                counter.value += 1
        together(add, add)
        assert counter.value == 2
"""
RACE = (
    "data race on Counter.value: T1 writes it at test_it.py:20, T2 writes it at test_it.py:20, and nothing orders the "
    "two"
)


class Session:
    """Runs `FILE` in this process."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester

    def run(self, *options: str, marker: str = "", ini: str = "") -> pytest.RunResult:
        self.pytester.makeini(f"[pytest]\n{ini}")
        self.pytester.makepyfile(test_it=FILE.replace("{marker}", marker))
        return self.pytester.runpytest("--racecheck-json=report.json", *options)

    def results(self) -> dict[str, dict[str, Any]]:
        """The tests of the JSON report by their names."""
        report = json.loads((self.pytester.path / "report.json").read_text())
        return {test["nodeid"].partition("::")[2]: test for test in report["tests"]}


@pytest.fixture
def session(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p racecheck")
    return Session(pytester)


def test_on_the_command_line(session: Session) -> None:
    result = session.run("--racecheck-fail-on=data-race")
    result.assert_outcomes(failed=2, passed=1)
    result.stdout.fnmatch_lines(
        [
            "race: data race on Counter.value: T1 writes it at test_it.py:20, T2 writes it at",
            "E   data race on Counter.value: *",
            "why: data race on *.value",
            "replay: pytest test_it.py::test_counter --racecheck-fail-on=data-race --racecheck-replay=rc1-*",
            f"race  test_it.py::test_counter: interleaving 0 of 200: {RACE}",
            "race  test_it.py::test_variable: interleaving 0 of 200: data race on count: *",
        ]
    )
    failure = session.results()["test_counter"]["failure"]
    assert (failure["exception"], failure["finding"]) == ("DataRaceFailure", "data-race")
    again = session.run("-k", "test_counter", "--racecheck-fail-on=data-race", f"--racecheck-replay={failure['token']}")
    again.assert_outcomes(failed=1, deselected=2)


def test_by_the_marker(session: Session) -> None:
    session.run(marker='(fail_on=["data-race", "leak"])').assert_outcomes(failed=1, passed=2)


def test_the_marker_can_take_it_back(session: Session) -> None:
    result = session.run(marker="(fail_on=[])", ini="racecheck_fail_on = data-race, leak")
    result.assert_outcomes(failed=1, passed=2)


def test_with_v_a_passing_test_tells(session: Session) -> None:
    result = session.run("-v")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(
        [
            "proved  test_it.py::test_counter: *",
            f"        {RACE}",
            "proved  test_it.py::test_fine: *",
            "        lines that touch the same: 1 pair seen in both orders, 0 in one order only",
        ]
    )
    result.stdout.no_fnmatch_line("warning:*")
    found = session.results()
    assert [finding["text"] for finding in found["test_counter"]["findings"]] == [RACE]
    assert found["test_fine"]["findings"] == []
    (pair,) = found["test_fine"]["coverage"]["pairs"]
    assert (pair["resource"], pair["both"], pair["first"]["source"]) == ("value", True, "counter.value += 1")


def test_without_v_it_does_not(session: Session) -> None:
    result = session.run()
    result.assert_outcomes(passed=3)
    result.stdout.no_fnmatch_line("*data race*")
    assert [finding["text"] for finding in session.results()["test_counter"]["findings"]] == [RACE]


SUPPRESSIONS = """
racecheck_fail_on = data-race
racecheck_suppressions =
    data-race:test_it.py:20 test_counter.*store Counter.value
    data-race:store count
"""


def test_suppressions(session: Session) -> None:
    result = session.run("-v", ini=SUPPRESSIONS)
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines([f"        suppressed (data-race:test_it.py:20 * Counter.value): {RACE}"])
    result.stdout.no_fnmatch_line("*matches nothing*")


UNUSED = "warning: racecheck_suppressions: 'leak:nobody' matches nothing that was found; remove it"


@pytest.mark.parametrize(
    ("options", "told"),
    [((), True), (("-n2", "-p", "xdist"), True), (("-k", "fine"), False), (("test_it.py::test_fine",), False)],
    ids=["all", "xdist", "selected", "named"],
)
def test_a_suppression_without_use_is_told_when_everything_ran(
    session: Session, options: tuple[str, ...], told: bool
) -> None:
    result = session.run(*options, ini=f"{SUPPRESSIONS}    leak:nobody\n")
    assert result.outlines.count(UNUSED) == (1 if told else 0)


def test_one_that_was_not_come_to_is_not_told(session: Session) -> None:
    result = session.run(ini="racecheck_fail_on = data-race\nracecheck_suppressions = data-race:nothing")
    result.assert_outcomes(failed=2, passed=1)
    result.stdout.no_fnmatch_line("*matches nothing*")


@pytest.mark.parametrize(
    ("options", "marker", "ini", "message"),
    [
        (
            ("--racecheck-fail-on=races",),
            "",
            "",
            "--racecheck-fail-on: fail_on: 'races' is not allowed; give any of data-race*",
        ),
        (
            (),
            "(fail_on='race')",
            "",
            "*marker race: fail_on: 'race' is not allowed; give any of data-race, lock-order*",
        ),
        ((), "", "racecheck_fail_on = leaks", "*ini option racecheck_fail_on: ?'leaks'? is not allowed; give any of*"),
        ((), "", "racecheck_suppressions = race:x", "*racecheck_suppressions: ?'race:x'? is not allowed; give kind:*"),
        ((), "", "racecheck_suppressions = leak:", "*racecheck_suppressions: ?'leak:'? is not allowed; give kind:*"),
    ],
)
def test_what_can_not_be_used_is_said(
    session: Session, options: tuple[str, ...], marker: str, ini: str, message: str
) -> None:
    result = session.run(*options, marker=marker, ini=ini)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{message}"])
