"""A token replays its failure in another process, on another Python, and after edits that do not concern it."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = """
import queue
import threading

import pytest


def unrelated():
    value = 1
    return value


def together(*functions):
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class Account:
    def __init__(self):
        self.balance = 100
        self.history = []

    def withdraw(self, amount):
        if self.balance >= amount:
            self.balance -= amount
            self.history.append(amount)


@pytest.mark.race
def test_attribute():
    account = Account()
    together(lambda: account.withdraw(80), lambda: account.withdraw(70))
    assert account.balance >= 0, account.history


@pytest.mark.race
def test_items():
    counts = {"a": 0}

    def add():
        for _ in range(2):
            counts["a"] += 1

    together(add, add)
    assert counts["a"] == 4


@pytest.mark.race
def test_closure_cell():
    total = 0

    def add(amount):
        nonlocal total
        total += amount

    together(lambda: add(1), lambda: add(2))
    assert total == 3


balance = 100


def take(amount):
    global balance
    if balance >= amount:
        balance -= amount


@pytest.mark.race
def test_global(monkeypatch):
    monkeypatch.setitem(globals(), "balance", 100)
    together(lambda: take(80), lambda: take(70))
    assert balance >= 0


@pytest.mark.race
def test_deadlock():
    lock_a, lock_b = threading.Lock(), threading.Lock()

    def first():
        with lock_a:
            with lock_b:
                pass

    def second():
        with lock_b, lock_a:
            pass

    together(first, second)


@pytest.mark.race
def test_lost_wake_up():
    condition, ready = threading.Condition(), []

    def wait():
        if not ready:
            with condition:
                condition.wait()

    def wake():
        ready.append(1)
        with condition:
            condition.notify()

    together(wait, wake)


@pytest.mark.race
def test_queue_order():
    items = queue.Queue()
    together(lambda: items.put(1), lambda: items.put(2))
    assert [items.get(), items.get()] == [1, 2]


@pytest.mark.race
def test_sleeps():
    import time
    done = []

    def work(name):
        time.sleep(1)
        done.append(name)

    together(lambda: work("a"), lambda: work("b"))
    assert done == ["a", "b"]


@pytest.mark.race
def test_exception_in_thread(racecheck):
    items = [1]

    def pop():
        if items:
            items.pop()

    racecheck.run(pop, pop)
"""

TESTS = re.findall(r"^def (test_\w+)", PROGRAMS, re.MULTILINE)
#: The deviations of these stand at operations of locks that the test makes itself.
AT_LOCKS = ["test_deadlock", "test_lost_wake_up"]

everywhere = pytest.mark.parametrize(
    "tests",
    [
        pytest.param([name for name in TESTS if name not in AT_LOCKS], id="accesses"),
        pytest.param(AT_LOCKS, id="locks"),
    ],
)

#: Replays each token of ``tokens.json`` in a session of its own, all in one process, into ``replayed.json``.
REPLAY = """
import json, pathlib, pytest

replayed = {}
for name, token in json.loads(pathlib.Path("tokens.json").read_text()).items():
    options = ["-p", "racecheck", "-p", "no:cacheprovider", f"--racecheck-replay={token}", "--racecheck-json=one.json"]
    pytest.main([f"test_it.py::{name}", *options])
    (test,) = json.loads(pathlib.Path("one.json").read_text())["tests"]
    replayed[name] = test
pathlib.Path("replayed.json").write_text(json.dumps(replayed))
"""

OTHERS = [path for path in os.environ.get("RACECHECK_OTHER_PYTHONS", "").split(os.pathsep) if path]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def find(pytester: pytest.Pytester, tests: list[str], python: str = sys.executable) -> dict[str, Any]:
    """What that Python finds in the programs, by the name of the test."""
    pytester.makepyfile(test_it=PROGRAMS)
    nodeids = [f"test_it.py::{name}" for name in tests]
    options = ["-p", "racecheck", "-p", "no:cacheprovider", "--racecheck-json=found.json"]
    pytester.run(python, "-m", "pytest", *options, *nodeids)
    found = {test["nodeid"].partition("::")[2]: test for test in json.loads(Path("found.json").read_text())["tests"]}
    assert list(found) == tests
    assert all(test["failure"] is not None for test in found.values()), found
    return found


def replay(pytester: pytest.Pytester, found: dict[str, Any], python: str = sys.executable) -> dict[str, Any]:
    """What the tokens come to on that Python."""
    tokens = {name: test["failure"]["token"] for name, test in found.items()}
    Path("tokens.json").write_text(json.dumps(tokens))
    pytester.run(python, "-c", REPLAY)
    replayed: dict[str, Any] = json.loads(Path("replayed.json").read_text())
    return replayed


def essence(found: dict[str, Any]) -> dict[str, Any]:
    """What has to be the same wherever a failure is replayed: messages may differ with the version of Python."""
    return {
        name: (
            test["verdict"],
            test["failure"] and test["failure"]["exception"],
            test["failure"]
            and [(each["thread"], each["source"], each["to"]) for each in test["failure"]["preemptions"]],
            test["notes"],
        )
        for name, test in found.items()
    }


@everywhere
def test_in_another_process(pytester: pytest.Pytester, tests: list[str]) -> None:
    found = find(pytester, tests)
    replayed = replay(pytester, found)
    assert essence(replayed) == essence(found)
    assert {test["interleavings"] for test in replayed.values()} == {1}


@pytest.mark.skipif(not OTHERS, reason="RACECHECK_OTHER_PYTHONS names no Python with racecheck installed")
@pytest.mark.parametrize("other", OTHERS)
@everywhere
def test_on_another_python(pytester: pytest.Pytester, tests: list[str], other: str) -> None:
    assert shutil.which(other), f"RACECHECK_OTHER_PYTHONS: there is no {other}"
    here = find(pytester, tests)
    assert essence(replay(pytester, here, other)) == essence(here)
    there = find(pytester, tests, other)
    assert essence(replay(pytester, there)) == essence(there)


def edited(text: str) -> str:
    """With lines above, another function changed, and a line in a function itself that touches nothing shared."""
    for old, new in {
        "\nimport pytest\n": "\n# A comment.\n# Another one.\nimport pytest\n\n\nLIMIT = 100\n",
        "    value = 1\n": "    value = [2, 3]\n    value.append(len(value))\n",
        "    def withdraw(self, amount):\n": "    def withdraw(self, amount):\n        rest = amount - 1\n",
    }.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


@everywhere
def test_after_edits_elsewhere_and_in_another_directory(pytester: pytest.Pytester, tests: list[str]) -> None:
    found = find(pytester, tests)
    (pytester.path / "test_it.py").unlink()
    os.chdir(pytester.mkdir("elsewhere"))
    Path("test_it.py").write_text(edited(PROGRAMS))
    assert essence(replay(pytester, found)) == essence(found)


def test_a_token_of_code_that_has_changed_says_where_it_left_its_track(pytester: pytest.Pytester) -> None:
    found = find(pytester, ["test_attribute"])
    pytester.makepyfile(test_it=PROGRAMS.replace(".balance", ".total"))
    replayed = replay(pytester, found)["test_attribute"]
    assert replayed["verdict"] in ("passed", "serial-failure")
    (note,) = replayed["notes"]
    assert re.match(r"the replay left its track at .*self\.balance.*\(test_it\.py\): the code has changed there", note)


def test_a_token_of_another_test_says_so(pytester: pytest.Pytester) -> None:
    found = find(pytester, ["test_attribute"])
    replayed = replay(pytester, {"test_closure_cell": found["test_attribute"]})["test_closure_cell"]
    assert (replayed["verdict"], replayed["failure"]) == ("passed", None)
    (note,) = replayed["notes"]
    assert re.match(r"the replay left its track at .*: the code has changed there, or the test is another one$", note)


def token_of_version(version: int, text: str) -> str:
    packed = zlib.compress(text.encode(), 9)
    return f"rc{version}-{urlsafe_b64encode(packed + zlib.crc32(packed).to_bytes(4, 'big')).decode().rstrip('=')}"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda token: token[:-4], "is damaged: copy the whole token*"),
        (
            lambda token: token[:20] + ("A" if token[20] != "A" else "B") + token[21:],
            "is damaged: copy the whole token*",
        ),
        (lambda token: token[: len(token) // 2] + " " + token[len(token) // 2 :], "is damaged: *without blanks*"),
        (lambda token: "rc2" + token[3:], "was made by a newer racecheck (token version 2; *upgrade pytest-racecheck"),
        (lambda token: "rc77-AAAA", "was made by a newer racecheck (token version 77; *upgrade pytest-racecheck"),
        (lambda token: token_of_version(1, "{}"), "is damaged*"),
        (lambda token: token_of_version(1, '[1,["0","read"]]'), "is damaged*"),
        (lambda token: token_of_version(1, "[1,[0,1,2,3,4,5,6]]"), "is damaged*"),
        (lambda token: urlsafe_b64encode(urlsafe_b64decode("QUFBQQ==")).decode(), "is no replay token: *"),
        (lambda token: "AXicY2BgYGAEAAAGAAI=", "is no replay token: one starts with rc1-*"),
        (lambda token: "hypothesis.reproduce_failure", "is no replay token: *"),
    ],
    ids=range(11),
)
def test_what_is_no_token_of_ours_is_a_usage_error(pytester: pytest.Pytester, make: Any, message: str) -> None:
    token = (
        "rc1-eNqLNtSJVjLQM1TSUSovyixJBdIlqcUl8cn5pXklqUV6BZVAEWcoJzMvuSg1NzWvBChWnJqTpleWmFMK1GKoAzTCSCk2FgDYAxjn3JxmkQ"
    )
    assert re.match(r"rc1-[\w-]{40,}$", token)
    pytester.makepyfile("import pytest\n@pytest.mark.race\ndef test_it(): raise SystemExit('not run')")
    result = pytester.runpytest_inprocess("-p", "racecheck", f"--racecheck-replay={make(token)}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --racecheck-replay: '*' {message}"])
    assert "Traceback" not in result.stderr.str()
