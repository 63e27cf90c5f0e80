"""Every program in `programs/` gets the verdict that its folder states: buggy ones are caught, safe ones never are."""

from __future__ import annotations

import ast
import json
import re
import shutil
import sys
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parent / "programs"
#: The tracer of 3.11 is not told what a call is made with, so `len(orders.get())` reads a list that it can't name. And
#: `cached_property` has a lock there.
UNSEEN = ("queue_handover_of_mutable", "cached_property_computed_twice") if sys.version_info < (3, 12) else ()
BUGGY = sorted(path for path in (PROGRAMS / "buggy").glob("*.py") if path.stem not in UNSEEN)
SAFE = sorted((PROGRAMS / "safe").glob("*.py"))


def expected_verdict(program: Path) -> str:
    stated = re.search(r'^VERDICT = "([a-z-]+)"$', program.read_text(), re.MULTILINE)
    return stated[1] if stated else "race"


def verdicts(pytester: pytest.Pytester, programs: list[Path], interleavings: int, *options: str) -> dict[str, str]:
    """The verdicts of the programs' marked tests, all run in one session, by the program's name.

    A program with several tests appears once for each.
    """
    for program in programs:
        shutil.copy(program, pytester.path)
    report = pytester.path / "report.json"
    pytester.runpytest_inprocess(
        *("-p", "racecheck", "--import-mode=importlib", "--tb=no", "-o", "python_files=*.py"),
        *(f"--interleavings={interleavings}", f"--racecheck-json={report}", "-o", "racecheck_shrink=0.1", *options),
    )
    found = {}
    for test in json.loads(report.read_text())["tests"]:
        file, _, name = test["nodeid"].partition(".py::")
        found[file if file not in found else f"{file} {name}"] = test["verdict"]
    assert {program.stem for program in programs} <= set(found), "a program was not run"
    return found


@pytest.fixture(autouse=True)
def no_other_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


@pytest.mark.parametrize("part", range(4))
def test_buggy_programs_are_caught(pytester: pytest.Pytester, part: int) -> None:
    programs = BUGGY[part::4]
    found = verdicts(pytester, programs, 200, "--racecheck-seed=1")
    assert found == {program.stem: expected_verdict(program) for program in programs}


#: The tracer of 3.11 is several times as slow; what the strategies do is the same everywhere.
PART_OF_THEM = 1 if sys.version_info >= (3, 12) else 2


@pytest.mark.parametrize(
    ("strategy", "interleavings", "part"),
    # The default has them all. Of the others each has a third, so that each program is run by two of them.
    [
        *(("auto", 25, part) for part in range(3)),
        ("directed", 8, 0),
        ("surw", 8, 1),
        ("pos", 8, 2),
        ("pct", 8, 0),
        ("random", 8, 1),
        ("stress", 4, 2),
    ],
)
def test_safe_programs_are_never_reported(
    pytester: pytest.Pytester, strategy: str, interleavings: int, part: int
) -> None:
    programs = SAFE[part::3]
    interleavings = max(4, interleavings // PART_OF_THEM)
    found = verdicts(pytester, programs, interleavings, f"--racecheck-strategy={strategy}", "--racecheck-seed=1")
    reported = {program: verdict for program, verdict in found.items() if verdict not in ("passed", "proved")}
    assert reported == {}


@pytest.mark.parametrize("program", [pytest.param(path, id=f"{path.parent.name}/{path.stem}") for path in BUGGY + SAFE])
def test_program_says_why(program: Path) -> None:
    assert ast.get_docstring(ast.parse(program.read_text())), "a program needs a sentence on why it has its verdict"


def test_there_are_plenty_of_both() -> None:
    assert len(BUGGY) >= 35
    assert len(SAFE) >= len(BUGGY)
