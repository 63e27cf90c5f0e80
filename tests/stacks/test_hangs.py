"""Whatever hangs is told and left behind, and the session goes on, to the very end."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from pytest_racecheck.stacks import sentinel
from pytest_racecheck.stacks.client import _py_spy

#: What a session may take, beyond all doubt.
SECONDS = 150


def _can_look() -> bool:
    """Whether a process may look into its parent here, which is what the sentinel does."""
    py_spy = _py_spy()
    if py_spy is None or sys.platform != "linux":
        return False
    call = f"subprocess.call([{py_spy!r}, 'dump', '--native', '--pid', str(os.getppid())])"
    script = f"import os, subprocess; raise SystemExit({call})"
    return subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, timeout=60).returncode == 0


needs_ptrace = pytest.mark.skipif(not _can_look(), reason="py-spy may not look into processes here (no ptrace)")


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def processes() -> dict[int, str]:
    """Every process of the machine that has to do with this folder or is a sentinel."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            line = sentinel.command(int(entry.name))
            if str(Path.cwd()) in line or "time.sleep(1000)" in line:
                found[int(entry.name)] = line
    return found


def states(test: dict[str, Any]) -> dict[str, str]:
    return {thread["id"]: thread["state"] for thread in test["failure"]["threads"]}


@needs_ptrace
def test_every_way_to_hang(pytester: pytest.Pytester) -> None:
    folder = Path(shutil.copy(Path(__file__).with_name("hanging.py"), pytester.path / "test_hanging.py")).parent
    result = pytester.runpytest_subprocess(
        *("-p", "racecheck", "--racecheck-timeout=1", "-o", "racecheck_hang_timeout=1", f"--basetemp={folder / 'tmp'}"),
        *("--racecheck-json=report.json", "--junitxml=junit.xml", "-p", "no:threadexception"),
        timeout=SECONDS,
    )
    result.assert_outcomes(passed=2, failed=17, errors=2)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert " in " in result.outlines[-1]
    tests = {test["nodeid"].partition("::")[2]: test for test in json.loads(Path("report.json").read_text())["tests"]}
    assert {test["verdict"] for name, test in tests.items() if name != "test_race_afterwards"} == {"hang"}
    assert tests["test_race_afterwards"]["verdict"] == "proved"
    cases = ET.parse("junit.xml").findall(".//testcase")
    assert len(cases) == 21
    assert sum(case.find("failure") is not None for case in cases) == 17
    told = {name: states(test) for name, test in tests.items() if test["failure"]}
    told = json.loads(re.sub(r"test_hanging.py:\d+", "LINE", json.dumps(told)))
    assert told["test_opposite_locks"] == {
        "main": "waiting for second held by T1 since LINE",
        "T1": "waiting for first held by main since LINE",
    }
    assert told["test_queue_join"]["main"] == "waiting for task_done() on tasks: 1 unfinished task, 1 still in it"
    assert "run by T1" in told["test_pool_starvation"]["main"]
    assert "queued in pool" in told["test_pool_starvation"]["T1"]
    assert told["test_thread_that_swallows_everything"]["T1"] == "computing"
    assert told["test_set_up"]["main"] == told["test_set_up_again"]["main"] == "in recv"
    assert told["test_join_of_a_thread_in_recv"]["T1"].startswith("in recv")
    assert told["test_simple_queue_of_c"] == {"main": "waiting for T1 to end", "T1": "in SimpleQueue.get"}
    assert told["test_main_thread_in_a_lock"]["main"] == "waiting for lock"
    assert told["test_join_of_a_thread_in_recv"]["main"] == "waiting for T1 to end"
    assert told["test_lock_of_multiprocessing"]["T1"].startswith("waiting for ")
    assert told["test_code_that_keeps_the_gil"]["main"].endswith("keeping the GIL")
    for name in ("test_fork", "test_spawn_with_a_queue", "test_process_pools", "test_subprocess"):
        assert tests[name]["failure"]["processes"], name
    (spawned,) = tests["test_spawn_with_a_queue"]["failure"]["processes"]
    assert "multiprocessing.spawn" in spawned["command"]
    assert any(frame["function"] == "take" for thread in spawned["threads"] for frame in thread["stack"])
    (forked,) = tests["test_fork"]["failure"]["processes"]
    assert forked["threads"][0]["state"].startswith("sleeping")
    result.stdout.fnmatch_lines(["- If the test only needs longer: the ini option *"])
    result.stdout.fnmatch_lines(["process * -c import time; time.sleep(1*", "What is left of these processes is *"])
    deadline = time.monotonic() + 10
    while processes() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not processes()


NEVER = """
    import ctypes, pathlib, threading
    import pytest

    def test_before():
        pass

    @pytest.mark.race(interleavings=3)
    def test_native():
        threading.Thread(target=int).start()
        mutex = ctypes.create_string_buffer(64)
        libc = ctypes.CDLL(None)
        libc.pthread_mutex_lock(mutex)
        pathlib.Path("ready").touch()
        libc.pthread_mutex_lock(mutex)

    def test_after():
        pass
"""

#: Sessions wait less for a main thread that does not come back than others do.
IMPATIENT = """
    from pytest_racecheck.engine import watchdog
    watchdog.LOST_SECONDS = 3.0
"""


def test_a_main_thread_that_never_comes_back_ends_the_session_with_all_reports(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(IMPATIENT)
    pytester.makepyfile(NEVER)
    result = pytester.runpytest_subprocess(
        *("-p", "racecheck", "--racecheck-timeout=1", "--racecheck-json=report.json", "--junitxml=junit.xml"),
        timeout=SECONDS,
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["E   an interleaving did not end within 1 s *", "E   main: *", "E   the main thread did not come back, so *"]
    )
    (test,) = json.loads(Path("report.json").read_text())["tests"]
    assert test["verdict"] == "hang"
    assert len(ET.parse("junit.xml").findall(".//testcase")) == 2


@needs_ptrace
def test_native_code_that_keeps_the_gil_for_good_is_made_to_let_go_of_it(pytester: pytest.Pytester) -> None:
    """So that all reports can be written."""
    pytester.makeconftest(IMPATIENT)
    pytester.makepyfile(NEVER.replace("CDLL", "PyDLL"))
    result = pytester.runpytest_subprocess(
        *("-p", "racecheck", "--racecheck-timeout=1", "--racecheck-json=report.json"), timeout=SECONDS
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=1, failed=1)
    (test,) = json.loads(Path("report.json").read_text())["tests"]
    assert (test["verdict"], "pthread_mutex_lock" in states(test)["main"]) == ("hang", True)


def test_a_worker_of_xdist_that_is_lost_is_replaced(pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    pytester.makeconftest(IMPATIENT)
    pytester.makepyfile(NEVER)
    result = pytester.runpytest_subprocess(
        *("-p", "racecheck", "-p", "xdist", "-n1", "--racecheck-timeout=1", "--racecheck-json=report.json"),
        timeout=SECONDS,
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        ["replacing crashed worker gw0", "*so this worker ends*", "*pthread_mutex_lock(mutex)*"]
    )
    (test,) = json.loads(Path("report.json").read_text())["tests"]
    assert (test["nodeid"].partition("::")[2], test["verdict"]) == ("test_native", "hang")


CTRL_C = """
    import contextlib, pathlib, socket, threading
    import pytest

    LEFT, RIGHT = socket.socketpair()

    @pytest.mark.race(interleavings=3)
    def test_waits():
        threading.Thread(target=int).start()
        try:
            pathlib.Path("ready").touch()
            LEFT.recv(1)
        finally:
            LEFT.recv(1)

    @pytest.mark.race(interleavings=3)
    def test_child_waits():
        thread = threading.Thread(target=LEFT.recv, args=(1,))
        thread.start()
        pathlib.Path("ready").touch()
        thread.join()

    @pytest.mark.race(interleavings=3, timeout=1000)
    def test_child_keeps_the_gil():
        def keep():
            pathlib.Path("ready").touch()
            sum(iter(int, 1))
        thread = threading.Thread(target=keep)
        thread.start()
        thread.join()

    def test_unmarked():
        thread = threading.Thread(target=LEFT.recv, args=(1,))
        thread.start()
        pathlib.Path("ready").touch()
        thread.join()
"""


def interrupted(seconds: float, *options: str) -> tuple[int, str]:
    """Exit status and output of a session that gets a Ctrl-C so many seconds after its test says that it is ready."""
    session = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "racecheck", *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    deadline = time.monotonic() + SECONDS
    while not Path("ready").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(seconds)
    os.kill(session.pid, signal.SIGINT)
    output = session.communicate(timeout=SECONDS)[0].decode()
    return session.returncode, output


@pytest.mark.parametrize(
    ("program", "test"),
    [
        *[(CTRL_C, f"test_{name}") for name in ("waits", "child_waits", "child_keeps_the_gil", "unmarked")],
        (NEVER, "test_native"),
    ],
)
def test_one_ctrl_c_ends_the_session(pytester: pytest.Pytester, program: str, test: str) -> None:
    pytester.makeconftest(IMPATIENT)
    pytester.makepyfile(test_it=program)
    code, output = interrupted(0.5, "-o", "racecheck_hang_timeout=100", f"test_it.py::{test}")
    assert code == pytest.ExitCode.INTERRUPTED
    assert re.search(r"KeyboardInterrupt|interrupted by Ctrl-C", output)
    assert re.search(r" in [\d.]+s ===", output)


@pytest.mark.parametrize("limit", [1, 3])
def test_so_does_one_that_comes_shortly_before_the_time_is_over(pytester: pytest.Pytester, limit: int) -> None:
    """While the stacks are taken, or in clean-up code that blocks again."""
    pytester.makepyfile(
        test_it=f"""
        import socket
        from pathlib import Path

        import pytest

        @pytest.mark.race(timeout={limit})
        def test_hang():
            left, right = socket.socketpair()
            Path("ready").touch()
            try:
                left.recv(1)
            finally:
                left.recv(1)

        def test_next():
            Path("next").touch()
        """
    )
    code, output = interrupted(0.99)
    assert code == pytest.ExitCode.INTERRUPTED, output
    assert not Path("next").exists()


def test_the_limit_of_pytest_timeout_is_another_one(pytester: pytest.Pytester) -> None:
    """It bounds the whole item, with a signal of its own."""
    pytest.importorskip("pytest_timeout")
    pytester.makepyfile(
        """
        import signal, socket, threading
        import pytest
        LEFT, RIGHT = socket.socketpair()

        @pytest.mark.race(interleavings=3)
        def test_ours():
            threading.Thread(target=int).start()
            LEFT.recv(1)

        @pytest.mark.timeout(1)
        @pytest.mark.race(interleavings=3, timeout=30)
        def test_theirs():
            threading.Thread(target=int).start()
            LEFT.recv(1)

        def test_signals_are_free():
            assert signal.getsignal(signal.SIGURG) == signal.SIG_DFL
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        """
    )
    result = pytester.runpytest_subprocess(
        "-p", "racecheck", "-p", "pytest_timeout", "--timeout=60", "--racecheck-timeout=1", timeout=SECONDS
    )
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["hang: an interleaving did not end within 1 s *", "*Timeout*1.0s*"])


def test_no_sentinel_without_marked_tests(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys
        def test_it():
            assert not [name for name in sys.modules if name.startswith(("pytest_racecheck.stacks", "multiprocessing"))]
        """
    )
    pytester.runpytest_subprocess("-p", "racecheck", timeout=SECONDS).assert_outcomes(passed=1)


@pytest.mark.parametrize("value", ["0", "soon"])
def test_a_limit_that_can_not_be_used(pytester: pytest.Pytester, value: str) -> None:
    pytester.makepyfile("def test_it(): pass")
    result = pytester.runpytest_subprocess("-p", "racecheck", "-o", f"racecheck_hang_timeout={value}", timeout=SECONDS)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*ini option racecheck_hang_timeout: * is not allowed; give a number of seconds*"])
