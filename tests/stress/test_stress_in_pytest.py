"""Stress as users meet it: options, fixtures, reports."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = Path(__file__).parents[1] / "programs" / "buggy"

#: Of each kind one that is found soon: lost updates, check-then-act, deadlocks, lost wake-ups, exceptions in threads.
FOUND = {
    "check_then_act_dict": "race",
    "deadlock01": "deadlock",
    "exception_in_thread": "race",
    "lost_update_nonlocal": "race",
    "lost_wakeup": "deadlock",
    "transfer_opposite_orders": "deadlock",
}


@pytest.fixture(autouse=True)
def only_racecheck(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p racecheck")


def run(pytester: pytest.Pytester, *options: str) -> tuple[pytest.RunResult, dict[str, dict[str, Any]]]:
    """The session, and its tests by name."""
    result = pytester.runpytest_inprocess("--racecheck-json=report.json", *options)
    tests = json.loads((pytester.path / "report.json").read_text())["tests"]
    return result, {test["nodeid"].rpartition("::")[2]: test for test in tests}


def test_bugs_are_found(pytester: pytest.Pytester) -> None:
    for name in FOUND:
        shutil.copy(PROGRAMS / f"{name}.py", pytester.path)
    options = ("--racecheck-strategy=stress", "--import-mode=importlib", "-o", "python_files=*.py")
    _, tests = run(pytester, *options, "--interleavings=200", "--tb=no")
    assert {Path(test["nodeid"].partition("::")[0]).stem: test["verdict"] for test in tests.values()} == FOUND
    assert {test["strategy"] for test in tests.values()} == {"stress"}


def test_fixtures_are_fresh_and_sleeps_scaled(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nracecheck_strategy = stress\nracecheck_sleep_scale = 0.001\ninterleavings = 5\n")
    pytester.makepyfile(
        test_it="""
        import os, threading, time

        import pytest

        ended = []

        @pytest.fixture
        def box(monkeypatch):
            monkeypatch.setattr(threading.Thread, "join", threading.Thread.join)
            box = []
            yield box
            ended.append(sorted(box))

        @pytest.mark.race
        def test_fresh(box, tmp_path, racecheck):
            assert not list(tmp_path.iterdir())
            (tmp_path / "file").touch()
            def work():
                time.sleep(20)
                with racecheck.atomic():
                    box.append(len(box))
            racecheck.run(work, work)
            racecheck.outcome("done")
            racecheck.sometimes(racecheck.interleaving == 4, "the fifth")

        @pytest.mark.race(threads=3)
        def test_body_in_threads(box):
            box.append(1)

        def test_all_ended():
            assert ended == [[0, 1]] * 5 + [[1, 1, 1]] * 5
        """
    )
    result, tests = run(pytester)
    result.assert_outcomes(passed=3)
    assert [(test["verdict"], test["interleavings"], test["distinct"]) for test in tests.values()] == [
        ("passed", 5, 0)
    ] * 2
    assert tests["test_fresh"]["outcomes"] == [["done", 5]]
    result.stdout.fnmatch_lines(["racecheck *: strategy stress, 5 interleavings, seed 0"])
    result = pytester.runpytest_inprocess("-v")
    result.stdout.fnmatch_lines(["passed  test_it.py::test_fresh: 5 interleavings, */s"])


def test_a_failure_met_by_chance(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_it="""
        import threading

        import pytest

        from pytest_racecheck.engine import stressed

        @pytest.mark.race(strategy="stress", interleavings=12)
        def test_only_under_stress(racecheck):
            seen = []
            lock = threading.Lock()
            def work():
                with lock:
                    seen.append(1)
            racecheck.run(work, work)
            assert stressed.run is None or racecheck.interleaving != 3, "met by chance"
        """
    )
    result, tests = run(pytester)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "race: met by chance",
            "T1 work-1*",
            "*with lock:",
            "*acquire",
            "under the GIL: unknown*",
            "note: reproduced 1/11 under stress, and not under control: there is no token;*",
            "found in interleaving 3 (strategy stress, seed 0); reproduced 1/11",
        ]
    )
    result.stdout.no_fnmatch_line("*preemption*")
    result.stdout.no_fnmatch_line("replay: *")
    failure = tests["test_only_under_stress"]["failure"]
    assert (failure["token"], failure["reproduced"], failure["raised_in"]) == ("", [1, 11], "main")


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.settrace can always be had")
def test_auto_goes_over_where_nothing_can_be_seen(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_it="""
        import sys, threading

        import pytest

        @pytest.fixture(scope="module", autouse=True)
        def others():
            for tool in (3, 4):
                sys.monitoring.use_tool_id(tool, "other")
            yield
            for tool in (3, 4):
                sys.monitoring.free_tool_id(tool)

        def check_then_act():
            seen, lock = [], threading.Lock()
            def work():
                with lock:
                    is_first = not seen
                with lock:
                    seen.append(is_first)
            threads = [threading.Thread(target=work) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert seen == [True, False]

        @pytest.mark.race
        def test_auto():
            check_then_act()

        @pytest.mark.race(strategy="stress")
        def test_stress():
            check_then_act()

        @pytest.mark.race(interleavings=5)
        def test_passing():
            threading.Thread(target=print).start()

        @pytest.mark.race(strategy="pos")
        def test_controlled():
            check_then_act()
        """
    )
    result, tests = run(pytester)
    result.assert_outcomes(failed=2, passed=1, errors=1)
    assert {name: (test["strategy"], test["verdict"]) for name, test in tests.items()} == {
        "test_auto": ("stress", "race"),
        "test_stress": ("stress", "race"),
        "test_passing": ("stress", "passed"),
    }
    assert tests["test_auto"]["failure"]["under_gil"] == "reachable"
    assert "went over from auto to stress, where nothing is controlled" in tests["test_auto"]["notes"][1]
    assert "nothing was done at accesses to memory" in tests["test_stress"]["notes"][1]
    result.stdout.fnmatch_lines(
        [
            "*racecheck can't work here: Both tool ids*",
            "warning: test_it.py::test_passing is not controlled, only put under stress: *Both tool ids*",
        ]
    )


def test_one_interrupt_ends_the_session(pytester: pytest.Pytester) -> None:
    """With a thread that waits for good, and one that spins; nothing of them is left for the exit to wait for."""
    pytester.makepyfile(
        test_it="""
        import _thread, signal, threading

        import pytest

        from pytest_racecheck.engine import stressed

        @pytest.mark.race(strategy="stress", interleavings=5, timeout=50)
        def test_endless():
            if stressed.run is None:
                return
            def spin():
                while True:
                    pass
            threading.Thread(target=threading.Event().wait).start()
            threading.Thread(target=spin).start()
            threading.Timer(0.2, signal.raise_signal, (signal.SIGINT,)).start()
            threading.Event().wait()

        def test_later():
            pass
        """
    )
    result = pytester.runpytest_subprocess("--racecheck-json=report.json", timeout=40)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*KeyboardInterrupt*"])
