"""The examples and the README's first test do what a new user is told they do."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent


def results(pytester: pytest.Pytester, *options: str) -> tuple[pytest.RunResult, dict[str, dict[str, Any]]]:
    """What a session in the directory of ``pytester`` prints, and its JSON results by the name of the test."""
    report = pytester.path / "report.json"
    run = pytester.runpytest_inprocess("-p", "racecheck", "-p", "no:randomly", f"--racecheck-json={report}", *options)
    tests = json.loads(report.read_text())["tests"]
    return run, {test["nodeid"].partition("::")[2]: test for test in tests}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_examples(pytester: pytest.Pytester, seed: int) -> None:
    shutil.copytree(ROOT / "examples", pytester.path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    run, tests = results(pytester, "--interleavings=200", f"--racecheck-seed={seed}")
    run.assert_outcomes(passed=3, failed=3)
    assert {name: test["failure"] and test["verdict"] for name, test in tests.items()} == {
        "test_backing_off": None,
        "test_customers_at_once": "race",
        "test_customers_queueing": None,
        "test_locked_bank": None,
        "test_module_level_bank": "race",
        "test_opposite_orders": "deadlock",
    }
    assert sum(test["seconds"] for test in tests.values()) < 30, "the sleeps of the bank are virtual"


def test_backing_off_has_three_outcomes(pytester: pytest.Pytester) -> None:
    shutil.copy(ROOT / "examples" / "test_timeouts.py", pytester.path)
    run, _ = results(pytester, "--interleavings=200")
    run.stdout.fnmatch_lines_random(["*nobody backs off*", "*one backs off*", "*both back off*"])


def readme(kind: str) -> str:
    """The first block of this kind in the README."""
    found = re.search(rf"```{kind}\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def test_readme_starts_with_a_race(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_counter=readme("python"))
    run, tests = results(pytester)
    assert tests["test_two_increments"]["verdict"] == "race"
    # The code that stands for the schedule depends on the version of Python by a byte or two.
    (told,) = re.findall(r"- racecheck -+\n(.*?) --racecheck-replay=", run.stdout.str(), re.DOTALL)
    assert told == readme("text").partition(" --racecheck-replay=")[0]


def test_readme_goes_on_with_a_lock(pytester: pytest.Pytester) -> None:
    code = readme("python").replace("self.value = 0", "self.value = 0\n        self.lock = threading.Lock()")
    code = code.replace("        self.value += 1", "        with self.lock:\n            self.value += 1")
    pytester.makepyfile(test_counter=code)
    run, tests = results(pytester, "-v")
    assert (tests["test_two_increments"]["verdict"], tests["test_two_increments"]["interleavings"]) == ("proved", 4)
    run.stdout.fnmatch_lines(["proved * all 2 inequivalent interleavings pass"])


@pytest.mark.parametrize("purpose", ["examples", "tests"])
def test_readme_has_one_line_commands(purpose: str) -> None:
    command = re.search(
        rf"<!-- command: {purpose} -->\n```sh\n(python3 -m venv [^\n]*)\n```", (ROOT / "README.md").read_text()
    )
    assert command is not None, "`.ci/run` reads it there"
