"""Annotations for GitHub Actions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_racecheck.report.annotations import workflow_commands
from pytest_racecheck.report.model import AccessReport, Frame, TestResult, ThreadReport
from tests.report.sessions import failing, passing

ROOTS = [Path("/repo"), Path("/repo/sub")]


def access(
    thread: str, line: int, operation: str = "write", file: str = "/repo/sub/bank.py", **more: Any
) -> AccessReport:
    return AccessReport(thread, file, line, 0, "self.x", operation, **more)


def of(*results: TestResult) -> list[str]:
    return workflow_commands(results, ROOTS)


def test_one_for_each_of_the_racing_lines() -> None:
    clash = [access("T1", 4, "read"), access("T2", 5), access("T1", 5)]
    first, second = of(
        failing(clash=clash, message="50% lost: a,b\nc", details=["A is", "B is"], nodeid="test_it.py::test_a")
    )
    assert first.startswith("::error file=sub/bank.py,line=4,title=race%3A ")
    assert "50%25 lost%3A a%2C b" not in first
    assert "50%25 lost%3A a%2Cb" in first
    title, _, message = first.removeprefix("::").partition("::")
    assert ":" not in title
    assert message == (
        "T1: read self.x%0Atest_it.py::test_a%0AA is%0AB is%0Apytest test_it.py::test_a --racecheck-replay=rc1-abc"
    )
    assert "line=5" in second
    assert "T2: write self.x; T1: write self.x" in second
    assert "\n" not in first + second


def test_lines_outside_of_the_repository_are_traded_for_their_callers() -> None:
    caller = Frame("/repo/test_it.py", 9, "test", "")
    inside = access(
        "T1", 1, file="/repo/.venv/lib/python3.13/site-packages/lib.py", stack=[caller, Frame("/x.py", 1, "f", "")]
    )
    (found,) = of(failing(clash=[inside, access("T2", 1, file="/usr/x.py"), access("T2", 1, file="<string>")]))
    assert found.startswith("::error file=test_it.py,line=9,")
    (found,) = of(failing(nodeid="test_a.py::test"))
    assert found.startswith("::error file=sub/test_a.py,title=")


def test_a_deadlock_is_shown_where_threads_wait() -> None:
    def thread(name: str, line: int) -> ThreadReport:
        return ThreadReport(name, name, "f", "blocked", waits_for="a lock", stack=[Frame("bank.py", line, "f", "")])

    threads = [thread("main", 9), thread("T1", 4), thread("T2", 5)]
    found = of(failing(kind="deadlock", threads=threads, message="a cycle"))
    assert [text.partition(",title")[0] for text in found] == [f"::error file=sub/bank.py,line={n}" for n in (4, 5)]
    assert "T1 waits for a lock%0A" in found[0]
    assert "a cycle" in found[0]


def test_where_else_it_failed() -> None:
    raised = Frame("/repo/sub/test_it.py", 7, "test", "assert x")
    (found,) = of(failing(kind="serial-failure", raised=raised))
    assert found.startswith("::error file=sub/test_it.py,line=7,title=serial-failure%3A fails")
    (found,) = of(passing(nodeid="test_it.py::test", sometimes=["both"]), passing())
    assert found.startswith("::error file=sub/test_it.py,title=never true in 6 interleavings%3A both::")


def test_the_first_of_each_failure_comes_first() -> None:
    clash = [access("T1", 4), access("T2", 5)]
    found = of(*(failing(clash=clash, nodeid=name) for name in ("test_a", "test_b")))
    assert [("test_a" in text, "line=4" in text) for text in found] == [
        (True, True),
        (False, True),
        (True, False),
        (False, False),
    ]


SOURCE = """
    import pytest

    @pytest.mark.race
    def test_bad(racecheck):
        box = [0]
        def add():
            n = box[0]
            box[0] = n + 1
        racecheck.run(add, add)
        assert box == [2]

    @pytest.mark.race
    def test_good(racecheck): pass
"""


@pytest.mark.parametrize("arguments", [[], ["-qq"]])
def test_written_once_where_github_runs_it(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(pytester.path.parent))
    name = f"{pytester.path.name}/{pytester.makepyfile(SOURCE).name}"
    lines = pytester.runpytest("-p", "racecheck", *arguments).outlines
    found = [line for line in lines if line.startswith("::error")]
    assert [line.partition(",title")[0] for line in found] == [f"::error file={name},line={n}" for n in (7, 8)]


def test_not_written_elsewhere(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    pytester.makepyfile(SOURCE)
    assert "::error" not in pytester.runpytest("-p", "racecheck").stdout.str()
