"""The watchdog's thread lives as long as an item is explored, and no longer."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, cast

import pytest

from pytest_racecheck.engine import real
from pytest_racecheck.engine.watchdog import MOST_LIMITS, WATCHDOG, Watchdog
from pytest_racecheck.stacks.client import SENTINEL
from pytest_racecheck.stacks.sentinel import is_kept

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_racecheck.engine.watchdog import Target
    from tests.conftest import Engine

#: In a process of its own: here, a thread that another test lost may end at any time.
PROGRAM = """
import _thread
import time

from pytest_racecheck.engine.watchdog import INTERVAL, Watchdog


def wait_for(threads):
    deadline = time.monotonic() + 100 * INTERVAL
    while _thread._count() != threads:
        assert time.monotonic() < deadline, f"{_thread._count()} threads, not {threads}"
        time.sleep(INTERVAL / 10)


before = _thread._count()
watchdog = Watchdog()
for _ in range(3):
    watchdog.arm(None, 100.0)
    watchdog.arm(None, 100.0)
    wait_for(before + 1)
    watchdog.stop()
    watchdog.stop()
    wait_for(before)
"""


def test_each_item_gets_a_thread_and_none_stays() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_a_process_that_is_stopped_is_kept(sleeper: subprocess.Popen[bytes]) -> None:
    assert not is_kept(sleeper.pid)
    sleeper.send_signal(signal.SIGSTOP)
    deadline = time.monotonic() + 10
    while not is_kept(sleeper.pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


STOPPED = """
import os, subprocess, pytest

@pytest.mark.race(timeout=1.5, interleavings=1)
def test_it():
    me = os.getpid()
    subprocess.Popen(["sh", "-c", f"sleep 0.3; kill -STOP {me}; sleep 2; kill -CONT {me}"])
    subprocess.run(["sleep", "0.8"])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_time_in_which_the_process_is_stopped_does_not_count(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(STOPPED)
    pytester.runpytest_subprocess("-p", "racecheck").assert_outcomes(passed=1)


@pytest.fixture
def watchdog() -> Iterator[Watchdog]:
    watchdog = Watchdog()
    yield watchdog
    watchdog.stop()


def test_what_does_not_count_starts_the_clock_anew_but_not_for_good(
    watchdog: Watchdog, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000_000_000
    deadlines: list[int] = []
    monkeypatch.setattr(real, "monotonic_ns", lambda: now)
    monkeypatch.setattr(SENTINEL, "arm", deadlines.append)
    watchdog.allow()  # nothing runs
    watchdog.arm(cast("Target", None), 100.0)
    start = now
    for _ in range(3):
        now += 60_000_000_000
        watchdog.allow()
    limit = 100_000_000_000
    assert deadlines == [start + limit, *(start + turn * 60_000_000_000 + limit for turn in (1, 2, 3))]
    for _ in range(100):
        now += 60_000_000_000
        watchdog.allow()
    assert deadlines[-1] == start + MOST_LIMITS * limit


def test_a_module_that_a_test_imports_has_a_limit_of_its_own(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "takes_its_time.py").write_text("", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    allowed: list[int] = []
    monkeypatch.setattr(WATCHDOG, "allow", lambda: allowed.append(len(explored)))
    explored: list[None] = []

    def body() -> None:
        explored.append(None)
        import takes_its_time  # type: ignore[import-not-found]

        assert takes_its_time

    engine.passes(body)
    assert allowed == [1]
