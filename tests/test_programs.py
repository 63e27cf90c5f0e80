"""Every program in `programs/` gets the verdict that its folder states: buggy ones are caught, safe ones never are."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = Path(__file__).parent / "programs"


def programs(folder: str) -> list[Any]:
    return [pytest.param(path, id=path.stem) for path in sorted((PROGRAMS / folder).glob("*.py"))]


def expected_verdict(program: Path) -> str:
    stated = re.search(r'^VERDICT = "([a-z-]+)"$', program.read_text(), re.MULTILINE)
    return stated[1] if stated else "race"


def results(pytester: pytest.Pytester, program: Path, interleavings: int, *options: str) -> list[dict[str, Any]]:
    """The results of the program's marked tests in a session of its own, as the JSON report has them."""
    copy = pytester.path / f"test_{program.name}"
    copy.write_bytes(program.read_bytes())
    report = pytester.path / "report.json"
    pytester.runpytest_inprocess(
        "-p", "racecheck", f"--interleavings={interleavings}", f"--racecheck-json={report}", *options, copy
    )
    tests: list[dict[str, Any]] = json.loads(report.read_text())["tests"]
    assert tests, "no marked test was run"
    return tests


@pytest.fixture(autouse=True)
def no_other_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("program", programs("buggy"))
def test_buggy_program_is_caught(pytester: pytest.Pytester, program: Path, seed: int) -> None:
    for test in results(pytester, program, 200, f"--racecheck-seed={seed}"):
        assert test["verdict"] == expected_verdict(program), test


@pytest.mark.parametrize("strategy", ["auto", "pct", "random"])
@pytest.mark.parametrize("program", programs("safe"))
def test_safe_program_is_never_reported(pytester: pytest.Pytester, program: Path, strategy: str) -> None:
    for seed in (1, 2):
        tests = results(pytester, program, 40, f"--racecheck-strategy={strategy}", f"--racecheck-seed={seed}")
        for test in tests:
            assert test["verdict"] in ("passed", "proved"), test


@pytest.mark.parametrize("program", [*programs("buggy"), *programs("safe")])
def test_program_says_why(program: Path) -> None:
    assert ast.get_docstring(ast.parse(program.read_text())), "a program needs a sentence on why it has its verdict"


def test_buggy_and_safe_are_both_plenty() -> None:
    assert len(programs("buggy")) >= 35
    assert len(programs("safe")) >= len(programs("buggy"))
