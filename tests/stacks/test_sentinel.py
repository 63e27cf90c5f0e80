"""The sentinel's parts, each on its own: the ladder of permissions, processes, the shared page."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_racecheck.stacks import client, sentinel
from pytest_racecheck.stacks.client import Client
from pytest_racecheck.stacks.processes import TestProcesses

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no sentinel elsewhere")

#: In place of py-spy: works with the option that its environment names, and else fails as that does.
FAKE = """#!/bin/sh
case " $* " in
  *" $WORKS_WITH "*) echo '[]' ;;
  *" --native "*) echo 'Error: Failed to suspend process' >&2; echo 'Reason: no ptrace' >&2; exit 1 ;;
  *) echo 'Error: Permission denied' >&2; exit 1 ;;
esac
"""

#: Stops the process, as py-spy does, and then takes its time.
SLOW = """#!/bin/sh
echo "$*" >> {calls}
case "$*" in *--native*) kill -STOP $4; exec sleep 60 ;; esac
echo '[]'
"""


@pytest.fixture
def py_spy(tmp_path: Path) -> str:
    path = tmp_path / "py-spy"
    path.write_text(FAKE)
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("works_with", "method", "errors"),
    [
        ("--native", "py-spy dump --native", []),
        (
            "--nonblocking",
            "py-spy dump --nonblocking",
            ["py-spy dump --native: no ptrace", "py-spy dump: Permission denied"],
        ),
        (
            "nothing",
            "",
            [
                "py-spy dump --native: no ptrace",
                "py-spy dump: Permission denied",
                "py-spy dump --nonblocking: Permission denied",
            ],
        ),
    ],
)
def test_the_ladder(
    py_spy: str, monkeypatch: pytest.MonkeyPatch, works_with: str, method: str, errors: list[str]
) -> None:
    monkeypatch.setenv("WORKS_WITH", works_with)
    found = sentinel.dump(py_spy, 1)
    assert (found["method"], found["errors"]) == (method, errors)


def test_without_py_spy_there_is_no_sentinel_and_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_py_spy", lambda: None)
    alone = Client()
    alone.start()
    assert (alone.is_running, alone.why_not) == (False, "the program py-spy is not installed")
    alone.arm(1)
    assert alone.found(1) == {}
    assert not alone.has_struck(1)


@pytest.fixture
def watching(py_spy: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setenv("WORKS_WITH", "--native")
    monkeypatch.setattr(client, "_py_spy", lambda: py_spy)
    watching = Client()
    watching.start()
    yield watching
    watching.stop()


def test_it_strikes_at_the_deadline_and_never_before(watching: Client) -> None:
    assert watching.is_running
    far = time.monotonic_ns() + 10**12
    watching.arm(far)
    time.sleep(0.3)
    assert watching.found(far) is None
    watching.disarm()
    soon = time.monotonic_ns()
    watching.arm(soon)
    deadline = time.monotonic() + 60
    while not (found := watching.found(soon)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert found is not None
    assert found["method"] == "py-spy dump --native"
    assert watching.has_struck(soon)
    watching.disarm()


def test_it_is_no_child_of_this_process(watching: Client) -> None:
    """A test that waits for any child must not meet it."""
    assert not [pid for pid in sentinel.children(os.getpid()) if "sentinel.py" in sentinel.command(pid)]


def test_only_processes_of_the_test_are_ended() -> None:
    sleep = [sys.executable, "-c", "import time; print(flush=True); time.sleep(1000)"]
    with subprocess.Popen(sleep, stdout=subprocess.PIPE) as before:
        mine = TestProcesses()
        with subprocess.Popen(sleep, stdout=subprocess.PIPE) as started:
            assert started.stdout is not None
            started.stdout.readline()
            assert sentinel.is_python(started.pid)
            assert mine.left() == [started.pid]
            assert len(mine.end()) == 1
            assert started.wait(60) != 0
            assert before.poll() is None
        assert mine.left() == []
        before.kill()


def test_so_are_those_whose_parent_has_ended() -> None:
    mine = TestProcesses()
    with subprocess.Popen(["sh", "-c", "sleep 1000 & echo $!; wait"], stdout=subprocess.PIPE) as shell:
        assert shell.stdout is not None
        sleep = int(shell.stdout.readline())
        while not sentinel.command(sleep).startswith("sleep"):
            time.sleep(0.01)
        mine.note()
        shell.kill()
        shell.wait(60)
        assert mine.left() == [sleep]
        assert mine.end() == ["sleep 1000"]
        assert mine.left() == []


def test_servers_of_multiprocessing_are_none_of_the_test() -> None:
    """What the server forks is, though its command is the same."""
    code = """
import multiprocessing, os, sys, time
sys.path.insert(0, sys.argv[1])
from pytest_racecheck.stacks.processes import TestProcesses
if __name__ == "__main__":
    mine = TestProcesses()
    context = multiprocessing.get_context("forkserver")
    process = context.Process(target=time.sleep, args=(1000,))
    process.start()
    lock = context.Lock()
    assert mine.left() == [process.pid], (mine.left(), process.pid)
    mine.end()
    process.join()
    assert not mine.left()
"""
    root = str(Path(client.__file__).parents[2])
    done = subprocess.run([sys.executable, "-c", code, root], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_a_dump_that_takes_too_long_leaves_nobody_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """py-spy stops a process while it looks at it; killed in the midst of that, it does not let it go on."""
    calls = tmp_path / "calls"
    slow = tmp_path / "py-spy"
    slow.write_text(SLOW.format(calls=calls))
    slow.chmod(0o755)
    monkeypatch.setattr(sentinel, "DUMP_SECONDS", 2)
    process = subprocess.Popen(["sleep", "60"])
    try:
        found = sentinel.dump(str(slow), process.pid)
        assert found["method"] == "py-spy dump"
        assert found["errors"] == ["py-spy dump --native: took more than 2 s"]
        assert [line.split()[4:] for line in calls.read_text().splitlines()] == [["--native"], []]
        state = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]
        assert state not in "Tt"
    finally:
        process.kill()
        process.wait()
