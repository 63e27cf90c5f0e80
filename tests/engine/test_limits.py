"""A run that does not end is ended: by the limit of its scheduling points, or by the clock wherever its threads are."""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

TIMEOUT = 0.5
#: What a session may take, beyond all doubt.
SECONDS = 60.0

HEAD = """
    import socket
    import threading
    import time

    import pytest


    class Shared:
        value = 0


    def started(function):
        thread = threading.Thread(target=function)
        thread.start()
        return thread
"""


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def run(pytester: pytest.Pytester, body: str, *arguments: str) -> tuple[pytest.RunResult, dict[str, Any]]:
    """The session, and what its report says of each test by its name; another test follows that has to pass."""
    after = "def test_next():\n    assert threading.active_count() == 1\n    assert Shared.value >= 0\n"
    pytester.makepyfile(test_it=textwrap.dedent(HEAD) + textwrap.dedent(body) + "\n\n" + after)
    result = pytester.runpytest_subprocess(
        *("-p", "racecheck", "--racecheck-json=report.json", "-p", "no:threadexception", *arguments), timeout=SECONDS
    )
    tests = json.loads(Path("report.json").read_text())["tests"]
    return result, {test["nodeid"].partition("::")[2]: test for test in tests}


# --- scheduling points

LONG = """
    @pytest.mark.race(interleavings=20, strategy="random")
    def test_long(racecheck):
        def work():
            for _ in range(40):
                Shared.value += 1
        racecheck.run(work, work)
"""


def test_a_run_with_too_many_points_is_cut_which_is_said_and_no_failure(pytester: pytest.Pytester) -> None:
    result, tests = run(pytester, LONG, "-o", "racecheck_max_points=30", "-v")
    result.assert_outcomes(passed=2)
    test = tests["test_long"]
    assert (test["verdict"], test["interleavings"], test["failure"]) == ("passed", 20, None)
    (note,) = (note for note in test["notes"] if "cut" in note)
    assert note.endswith("interleavings were cut after 30 scheduling points (ini racecheck_max_points)")
    result.stdout.fnmatch_lines(["passed *test_long: 20 interleavings*", f" *{note}"])


def test_a_limit_that_is_not_reached_is_not_spoken_of(pytester: pytest.Pytester) -> None:
    result, tests = run(pytester, LONG, "-o", "racecheck_max_points=3000")
    result.assert_outcomes(passed=2)
    assert not [note for note in tests["test_long"]["notes"] if "cut" in note]


def test_the_threads_of_a_cut_run_are_gone_before_its_fixtures_are_torn_down(pytester: pytest.Pytester) -> None:
    result, tests = run(
        pytester,
        """
        @pytest.fixture
        def fixture():
            yield
            assert threading.active_count() == 1

        @pytest.mark.race(interleavings=10, strategy="random")
        def test_cut(racecheck, fixture):
            done = []
            def work():
                for _ in range(100):
                    Shared.value += 1
                done.append(1)
            racecheck.run(work, work)
            assert done == [1, 1]
        """,
        *("-o", "racecheck_max_points=20"),
    )
    result.assert_outcomes(passed=2)
    assert tests["test_cut"]["verdict"] == "passed"


# --- seconds

SPINNING = {
    "main thread": """
        def test_it():
            thread = started(lambda: None)
            while True:
                pass
        """,
    "main thread with accesses": """
        def test_it():
            thread = started(lambda: Shared.value)
            while True:
                Shared.value += 1
        """,
    "main thread with accesses against another one": """
        def test_it():
            def work():
                while True:
                    Shared.value += 1
            thread = started(work)
            work()
        """,
    "child": """
        def test_it():
            def work():
                while True:
                    pass
            started(work).join()
        """,
    "child with accesses": """
        def test_it():
            def work():
                while True:
                    Shared.value += 1
            started(work).join()
        """,
    "child with calls": """
        def test_it():
            def nothing():
                return 1
            def work():
                while nothing():
                    nothing()
            started(work).join()
        """,
    "child that holds a lock": """
        def test_it():
            lock = threading.Lock()
            def work():
                with lock:
                    while True:
                        Shared.value += 1
            thread = started(work)
            with lock:
                pass
            thread.join()
        """,
    "child that catches exceptions": """
        def test_it():
            def work():
                while True:
                    try:
                        Shared.value = Shared.value + 1
                    except Exception:
                        pass
            started(work).join()
        """,
    "two children": """
        def test_it():
            def work():
                while True:
                    pass
            first, second = started(work), started(work)
            first.join()
            second.join()
        """,
}

WAITING = {
    "main thread in recv": """
        def test_it():
            left, right = socket.socketpair()
            with left, right:
                thread = started(lambda: None)
                left.recv(1)
        """,
    "main thread in a pipe": """
        def test_it():
            import os
            left, right = os.pipe()
            thread = started(lambda: None)
            try:
                os.read(left, 1)
            finally:
                os.close(left)
                os.close(right)
        """,
    "fixture": """
        @pytest.fixture
        def endless(racecheck):
            if racecheck.interleaving == 3:
                while True:
                    pass

        def test_it(endless):
            def work():
                Shared.value += 1
            first, second = started(work), started(work)
            first.join()
            second.join()
        """,
}


def marked(*bodies: str) -> str:
    """One module of them all, each followed by a test that finds no thread left."""
    after = "def test_after_{0}():\n    assert threading.active_count() == 1\n"
    return "\n".join(
        textwrap.dedent(body).replace("def test_it", f"@pytest.mark.race\ndef test_{number}") + after.format(number)
        for number, body in enumerate(bodies)
    )


@pytest.mark.parametrize("bodies", [SPINNING, WAITING], ids=["spinning", "waiting"])
def test_a_run_that_does_not_end_is_a_hang_and_the_session_goes_on(
    pytester: pytest.Pytester, bodies: dict[str, str]
) -> None:
    result, tests = run(pytester, marked(*bodies.values()), f"--racecheck-timeout={TIMEOUT}")
    result.assert_outcomes(passed=len(bodies) + 1, failed=len(bodies))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    told = {body: tests[f"test_{number}"] for number, body in enumerate(bodies)}
    assert {body: test["verdict"] for body, test in told.items()} == dict.fromkeys(bodies, "hang")
    assert {body: test["failure"]["kind"] for body, test in told.items()} == dict.fromkeys(bodies, "hang")
    message = "E   an interleaving did not end within 0.5 s (--racecheck-timeout)"
    assert result.outlines.count(message) == len(bodies)
    for number in range(len(bodies)):
        result.stdout.fnmatch_lines([f"FAILED test_it.py::test_{number} - *within 0.5 s*"])


def test_a_child_in_recv_is_a_hang_as_well(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "SECONDS", 10.0)
    result, tests = run(
        pytester,
        """
        @pytest.mark.race(timeout=0.5)
        def test_it():
            left, right = socket.socketpair()
            with left, right:
                thread = threading.Thread(target=lambda: left.recv(1), daemon=True)
                thread.start()
                thread.join()
        """,
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert tests["test_it"]["verdict"] == "hang"


def test_the_marker_has_its_own_limit(pytester: pytest.Pytester) -> None:
    body = textwrap.dedent(SPINNING["child"]).replace("def test_it", "@pytest.mark.race(timeout=0.3)\ndef test_it")
    result, _ = run(pytester, body, "--racecheck-timeout=30")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["E   an interleaving did not end within 0.3 s (--racecheck-timeout)"])


def test_slow_runs_are_no_hang_as_long_as_each_one_ends(pytester: pytest.Pytester) -> None:
    body = """
        from pytest_racecheck.engine import real

        @pytest.mark.race(interleavings=4, timeout=0.5)
        def test_slow():
            started(lambda: real.sleep(0.2)).join()
        """
    result, _ = run(pytester, body)
    result.assert_outcomes(passed=2)
