"""The section at the end of the terminal output, and the live line while a test runs."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from pytest_racecheck.engine import real
from pytest_racecheck.pytesting import progress
from pytest_racecheck.report.model import Failure, TestResult
from pytest_racecheck.report.summary import render_summary


def result(name: str, verdict: Any = "passed", **changed: Any) -> TestResult:
    """A result as the engine makes it."""
    values: dict[str, Any] = {
        "nodeid": f"test_a.py::{name}",
        "verdict": verdict,
        "strategy": "auto",
        "seed": 0,
        "requested": 200,
        "interleavings": 200,
        "distinct": 57,
        "exhaustive": False,
        "first_failure": None,
        "seconds": 0.05,
        "per_second": 4000.0,
    }
    return TestResult(**{**values, **changed})


def failed(name: str, verdict: Any, message: str, first_failure: int) -> TestResult:
    """A result with a failure."""
    failure = Failure(verdict, "AssertionError", message, "rc1-token")
    return result(name, verdict, failure=failure, first_failure=first_failure, interleavings=first_failure + 1)


ALL = [
    result("test_queue", notes=["starts no second thread"]),
    result("test_pair", "proved", interleavings=6, distinct=6, exhaustive=True),
    failed("test_bank", "race", "balance went below zero\nassert -120 >= 0", 7),
    failed("test_locks", "deadlock", "T1 holds lock_a, wants lock_b", 3),
    failed("test_wrong", "serial-failure", "assert 1 == 2", 0),
    result("test_rare", "serial-failure", sometimes=["full"]),
]


def texts(results: list[TestResult], verbosity: int = 0) -> list[str]:
    return [line.text for line in render_summary(results, verbosity)]


def test_a_line_for_each_failure() -> None:
    assert texts(ALL) == [
        "6 tests, 419 interleavings in 0.30 s (1,397/s): 1 proved, 1 passed, 1 race, 1 deadlock, 2 serial-failure",
        "race            test_a.py::test_bank: interleaving 7 of 200: balance went below zero",
        "deadlock        test_a.py::test_locks: interleaving 3 of 200: T1 holds lock_a, wants lock_b",
        "serial-failure  test_a.py::test_wrong: assert 1 == 2",
        "serial-failure  test_a.py::test_rare: never true: full",
    ]


def test_the_type_of_an_exception_is_told_unless_it_goes_without_saying() -> None:
    failing = failed("test_it", "race", "pop from empty list", 1)
    assert failing.failure is not None
    failing.failure.exception = "IndexError"
    assert texts([failing])[1].endswith(": IndexError: pop from empty list")
    failing.failure.message = ""
    assert texts([failing])[1].endswith(": IndexError")


def test_a_line_for_each_test_with_v() -> None:
    assert texts(ALL[:2], 1) == [
        "2 tests, 206 interleavings in 0.10 s (2,060/s): 1 proved, 1 passed",
        "passed  test_a.py::test_queue: 200 interleavings, 57 distinct, 4,000/s",
        "        starts no second thread",
        "proved  test_a.py::test_pair: all 6 inequivalent interleavings pass",
    ]


def test_one_of_each_is_singular() -> None:
    assert texts([result("test_it", interleavings=1, distinct=1, seconds=0.0)]) == [
        "1 test, 1 interleaving in 0.00 s: 1 passed"
    ]


def test_outcomes_are_shown_as_a_table_unless_very_quiet() -> None:
    one = result("test_it", outcomes=[("nobody backs off", 150), ("one does", 50)])
    table = "\n".join(texts([one]))
    assert "nobody backs off" in table
    assert "150" in table
    assert texts([one], -1) == texts([one])
    assert len(texts([one], -2)) == 1


def test_text_of_tests_cannot_command_the_terminal() -> None:
    line = render_summary([failed("test_\x1b[2J", "race", "\x1b[31mred\x07", 1)])[1].text
    assert "\x1b" not in line
    assert "\x07" not in line


def test_good_is_green_and_bad_is_red() -> None:
    assert render_summary(ALL[:2])[0].markup == {"green": True}
    assert render_summary(ALL)[0].markup == {"red": True}


@pytest.mark.usefixtures("plain_engine")
class TestInASession:
    """What pytest shows."""

    def test_the_section_stands_before_the_short_summary(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile(
            """
            import pytest
            @pytest.mark.race(interleavings=10)
            def test_bad(racecheck): assert racecheck.interleaving < 4
            @pytest.mark.race(interleavings=10)
            def test_good(racecheck): racecheck.outcome(racecheck.interleaving % 2)
            """
        )
        run = pytester.runpytest()
        run.stdout.fnmatch_lines(
            [
                "*= racecheck =*",
                "2 tests, 15 interleavings in * s (*/s): 1 passed, 1 race",
                "race  test_*.py::test_bad: interleaving 4 of 10: assert 4 < 4",
                "*test_good",
                "  0 * 5 *",
                "*short test summary*",
            ]
        )

    def test_there_is_none_without_marked_tests(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile("def test_it(): pass")
        assert "racecheck =" not in pytester.runpytest("-v").stdout.str()

    def test_the_failure_has_its_section_however_capture_is_shown(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile(
            "import pytest\n@pytest.mark.race\ndef test_it(racecheck): assert racecheck.interleaving < 4"
        )
        for arguments in (["--show-capture=no"], ["--tb=short"], ["--tb=native"], ["-p", "no:capture"]):
            run = pytester.runpytest(*arguments, "--junitxml=junit.xml")
            run.stdout.fnmatch_lines(
                ["*- racecheck -*", "race: *", "replay: pytest *::test_it --racecheck-replay=rc1-token"]
            )
            assert "--racecheck-replay=rc1-token" in (pytester.path / "junit.xml").read_text(encoding="utf-8")


# --- the live line


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> itertools.count[float]:
    """Each look at the clock finds it 60 ms later."""
    ticks: itertools.count[float] = itertools.count(0.0, 0.06)
    monkeypatch.setattr(real, "monotonic", lambda: next(ticks))
    return ticks


@pytest.mark.usefixtures("clock")
def test_the_line_is_updated_ten_times_a_second_at_most_and_erased() -> None:
    written: list[str] = []
    line = progress.ProgressLine(written.append, lambda: 80, 200)
    for done in range(1, 7):
        line.update(done, 1234.5, 3)
    assert [text.rstrip("\b") for text in written] == [
        " 2/200 interleavings, 1,234/s, 3 threads",
        " 4/200 interleavings, 1,234/s, 3 threads",
        " 6/200 interleavings, 1,234/s, 3 threads",
    ]
    line.erase()
    screen = _screen("".join(["test_a.py ", *written, "."]))
    assert screen == "test_a.py ."
    line.erase()
    assert _screen("".join(written)) == ""


@pytest.mark.usefixtures("clock")
def test_the_line_never_wraps() -> None:
    written: list[str] = []
    line = progress.ProgressLine(written.append, lambda: 10, 200)
    for done in range(1, 7):
        line.update(done, 1.0, 2)
    line.erase()
    assert "".join(written) == ""


def _screen(text: str) -> str:
    """What a terminal shows of one line with backspaces in it."""
    cells: list[str] = []
    position = 0
    for character in text:
        if character == "\b":
            position -= 1
            continue
        cells[position : position + 1] = [character]
        position += 1
    return "".join(cells).rstrip()


SLOW = """
    import pytest, sys
    from pytest_racecheck.engine import real

    @pytest.mark.race(interleavings=20, strategy="random")
    def test_slow(capsys):
        print("something")
        real.sleep(0.02)
        assert capsys.readouterr().out == "something\\n"
"""


@pytest.mark.skipif("not hasattr(__import__('os'), 'openpty')")
@pytest.mark.parametrize(("arguments", "shown"), [((), True), (("-v",), True), (("-q",), False), (("-s",), False)])
def test_on_a_terminal(pytester: pytest.Pytester, arguments: tuple[str, ...], shown: bool) -> None:
    pytester.makepyfile(SLOW.replace("assert capsys", "capsys" if "-s" in arguments else "assert capsys"))
    output = _run_on_a_terminal(pytester, *arguments)
    assert "1 passed" in output
    assert ("/20 interleavings, " in output) == shown
    if shown:
        lines = [_screen(line) for line in output.replace("\r\n", "\n").split("\n") if "::" in line or ".py" in line]
        assert not any("interleavings, " in line for line in lines if "passed" not in line)


def test_nothing_where_the_output_is_no_terminal(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SLOW)
    run = pytester.runpytest_subprocess("-v")
    run.assert_outcomes(passed=1)
    assert "\b" not in run.stdout.str()


def _run_on_a_terminal(pytester: pytest.Pytester, *arguments: str) -> str:
    import os
    import pty
    import subprocess
    import sys

    reader, writer = pty.openpty()
    command = [sys.executable, "-m", "pytest", "--color=no", *arguments]
    with subprocess.Popen(command, stdout=writer, stderr=writer, stdin=writer, cwd=pytester.path) as process:
        os.close(writer)
        output = b""
        while True:
            try:
                chunk = os.read(reader, 4096)
            except OSError:  # on Linux: the other end is closed
                break
            if not chunk:
                break
            output += chunk
        process.wait()
    os.close(reader)
    return output.decode()
