"""Blocking that is not ours: known calls wait without blocking, unknown ones are noticed, each run comes to its end."""

from __future__ import annotations

import ctypes
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_racecheck.engine import current
from tests.engine import blocking_programs

if TYPE_CHECKING:
    from tests.conftest import Engine

LIBC = ctypes.CDLL(None)
PARTLY = "only partly controlled: threads waited for "


def outcomes(pytester: pytest.Pytester, program: str, *options: str) -> dict[str, tuple[str, str]]:
    """The verdict of each test in ``program``, and what else its result says."""
    shutil.copy(Path(program), pytester.path / "test_the_programs.py")
    report = pytester.path / "report.json"
    arguments = (
        "-p",
        "racecheck",
        "-p",
        "no:cacheprovider",
        "--tb=short",
        "-o",
        "racecheck_shrink=0.2",
        f"--racecheck-json={report}",
        *options,
    )
    result = pytester.runpytest_inprocess(*arguments)
    found = {
        test["nodeid"].partition("::")[2]: (test["verdict"], " ".join(test["notes"]))
        for test in json.loads(report.read_text())["tests"]
    }
    for line in result.outlines:
        assert "PytestUnhandledThreadExceptionWarning" not in line
    found["plain"] = (str(result.parseoutcomes().get("passed", 0)), "")
    return found


@pytest.fixture(autouse=True)
def no_other_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def test_programs_that_wait_for_the_world_are_searched(pytester: pytest.Pytester) -> None:
    found = outcomes(pytester, blocking_programs.__file__, "--racecheck-timeout=30")
    plain = found.pop("plain")
    good = {name for name in found if "good" in name}
    verdicts = {name: verdict for name, (verdict, _) in found.items()}
    # What another process does can't be scheduled: the bug is found there as well, but not always shown again.
    if verdicts["test_bug[process_queue]"] == "nondeterministic":
        verdicts["test_bug[process_queue]"] = "race"
    assert verdicts == {name: "passed" if name in good else "race" for name in found}
    assert [name for name in good if PARTLY not in found[name][1]] == []
    assert len(found) == 21
    assert plain[0] == str(len(good) + 1)


def unknown_handover(add: Callable[[list[int]], None]) -> list[int]:
    """Two threads talk through calls that racecheck does not know."""
    reader, writer = os.pipe()
    values = [0]

    def produce() -> None:
        LIBC.write(writer, b"x", 1)
        add(values)

    def consume() -> None:
        LIBC.read(reader, ctypes.create_string_buffer(1), 1)
        add(values)

    threads = [threading.Thread(target=function) for function in (consume, produce)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.close(reader)
    os.close(writer)
    assert values == [2]
    return values


def test_a_thread_that_blocks_in_an_unknown_call_does_not_stop_the_others(engine: Engine) -> None:
    lock = threading.Lock()

    def locked(values: list[int]) -> None:
        with lock:
            values[0] += 1

    def unlocked(values: list[int]) -> None:
        values[0] += 1

    good = engine.explore(lambda: unknown_handover(locked), timeout=30)
    assert good.verdict == "passed"
    assert any(PARTLY + "a call in test_blocking.py:" in note for note in good.result.notes)
    bad = engine.explore(lambda: unknown_handover(unlocked), timeout=30, interleavings=200)
    assert (bad.verdict, bad.failure.kind) == ("race", "race")
    assert not current.strays


def test_a_run_that_ends_while_a_thread_is_in_an_unknown_call(engine: Engine) -> None:
    values: list[str] = []

    def slow() -> None:
        LIBC.usleep(20_000)
        values.append("went on after its run")

    def body() -> None:
        threading.Thread(target=slow, daemon=True).start()
        values.clear()

    assert engine.explore(body, interleavings=5).verdict == "passed"
    time.sleep(0.1)
    assert values == []
    assert not current.strays


def test_a_bug_is_shown_again_however_long_a_thread_talks_to_the_world(engine: Engine) -> None:
    length = itertools.count()
    values = [0]

    def add() -> None:
        reader, writer = os.pipe()
        for _ in range(next(length) % 23):
            os.write(writer, b"x")
            os.read(reader, 1)
        os.close(reader)
        os.close(writer)
        values[0] += 1

    def body() -> None:
        values[0] = 0
        engine.together(add, add)
        assert values[0] == 2

    found = engine.explore(body, interleavings=200)
    assert (found.verdict, found.failure.reproduced) == ("race", (10, 10))
    again = engine.explore(body, replay=found.failure.token)
    assert again.verdict == "race"
    assert len(again.failure.preemptions) == 1


def test_time_jumps_where_only_the_threads_of_the_test_can_act(engine: Engine) -> None:
    began = time.monotonic()

    def body() -> list[str]:
        left, right = socket.socketpair()
        left.settimeout(100)
        order: list[str] = []

        def wait() -> None:
            try:
                order.append(left.recv(1).decode())
                left.recv(1)
            except TimeoutError:
                order.append("late")

        def send() -> None:
            time.sleep(50)
            right.send(b"x")

        engine.together(wait, send)
        left.close()
        right.close()
        return order

    assert set(map(tuple, engine.passes(body))) == {("x", "late")}
    assert time.monotonic() - began < 50


def test_time_is_real_while_a_child_runs(engine: Engine) -> None:
    command = [sys.executable, "-S", "-c", "import time; time.sleep(0.05)"]

    def body() -> None:
        def wait() -> None:
            child = subprocess.Popen(command)
            while child.poll() is None:
                time.sleep(0.01)
            subprocess.run(command, check=True, timeout=10)

        engine.together(wait, lambda: time.sleep(0.001))

    engine.passes(body, interleavings=4, timeout=30)


def test_what_is_sent_at_once_goes_the_same_way_again(engine: Engine) -> None:
    def body() -> tuple[bytes, ...]:
        left, right = socket.socketpair()
        got: list[bytes] = []

        def read() -> None:
            got.extend((left.recv(1), left.recv(1)))

        engine.together(read, lambda: right.sendall(b"1"), lambda: right.sendall(b"2"))
        left.close()
        right.close()
        return tuple(got)

    first = engine.passes(body, seed=3)
    assert set(first) == {(b"1", b"2"), (b"2", b"1")}
    assert engine.passes(body, seed=3) == first


@pytest.mark.parametrize("how", ["join", "read"])
def test_what_a_signal_handler_raises_is_raised_where_the_test_waits(engine: Engine, how: str) -> None:
    import signal

    class LateError(Exception):
        pass

    def late(*_: object) -> None:
        raise LateError

    def body() -> None:
        before = signal.signal(signal.SIGALRM, late)
        reader, writer = os.pipe()
        thread = threading.Thread(target=os.read, args=(reader, 1))
        thread.start()
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.002)
            with pytest.raises(LateError):
                thread.join() if how == "join" else os.read(reader, 1)
        finally:
            signal.signal(signal.SIGALRM, before)
        os.write(writer, b"x")
        thread.join()
        os.close(reader)
        os.close(writer)

    handler = signal.getsignal(signal.SIGALRM)  # pytest-timeout may have one
    engine.passes(body, interleavings=10, timeout=30)
    assert signal.getsignal(signal.SIGALRM) is handler


def test_main_waits_for_whom_it_joins_while_it_minds_the_world(engine: Engine) -> None:
    reader, writer = os.pipe()

    def body() -> None:
        seen: list[int] = []
        engine.together(lambda: seen.append(1), lambda: None if seen else os.read(reader, 1))

    try:
        found = engine.explore(body, timeout=1.0)
    finally:
        os.close(reader)
        os.close(writer)
    assert found.verdict == "hang"
    assert {each.id: each.state for each in found.failure.threads} == {
        "main": "waiting for T2 to end",
        "T2": "in read, waiting for a pipe",
    }
