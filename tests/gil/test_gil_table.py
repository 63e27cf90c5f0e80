"""The section that a person reads, against golden files.

To renew them after a wanted change: ``RACECHECK_RENEW_GOLDEN=1 python -m pytest tests/gil``, then read the diff.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_racecheck.gil.advice import advice
from pytest_racecheck.gil.model import VERDICTS, Convoy, HotLine, Measurement, Shares
from pytest_racecheck.gil.table import bar, render
from pytest_racecheck.report.terminal import cells

GOLDEN = Path(__file__).parent / "golden"

COUNT = Measurement(
    "tests/test_count.py::test_two_threads",
    threads=2,
    cores=2,
    serial=0.81,
    threaded=0.84,
    speedup=0.97,
    ideal=2.0,
    cpu_use=0.98,
    shares=Shares(computing=0.5, gil=0.47, processor=0.03),
    verdict="GIL-bound",
    runs=3,
    python="CPython 3.13.0",
    seconds=4.2,
    hot_lines=[HotLine("tests/test_count.py", 8, "spin", 0.8), HotLine("tests/test_count.py", 7, "spin", 0.2)],
    convoy=Convoy("client", "spin", 0.005, 0.00512, 0.0005, 0.0006),
)

ROWS = [
    COUNT,
    replace(
        COUNT,
        name="tests/test_wait.py::test_ten_waits[größe-日本\x1b[31m]",
        threads=10,
        serial=2.0,
        threaded=0.2,
        speedup=9.8,
        ideal=10.0,
        cpu_use=0.0,
        shares=Shares(io=0.995, gil=0.005),
        verdict="I/O-bound",
        confidence="medium",
        convoy=None,
        hot_lines=[],
        hot_lines_reason="py-spy can't look: Permission denied (os error 13)",
    ),
    replace(
        COUNT,
        name="tests/test_lock.py::test_bank",
        threads=4,
        serial=0.0612,
        threaded=0.0604,
        speedup=1.01,
        ideal=4.0,
        cpu_use=0.01,
        shares=Shares(computing=0.01, locks=0.64, io=0.35),
        verdict="lock-bound",
        detail="waiting inside",
        lock="bank._lock",
        lock_lines=[("bank.py", 31), ("bank.py", 40)],
        convoy=None,
        hot_lines=[],
        limits=["speed-up 1.01, at least 2 wanted"],
    ),
    Measurement("tests/test_race.py::test_racy", why="not measured: the search ended with race", confidence="low"),
]


def rows() -> list[Measurement]:
    return [replace(row, advice=advice(row)) for row in ROWS]


@pytest.mark.parametrize(
    ("name", "width", "verbosity", "encoding"),
    [("wide", 120, 0, "utf-8"), ("narrow", 80, 1, "utf-8"), ("tiny", 44, 0, "ascii")],
)
def test_golden(name: str, width: int, verbosity: int, encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.version_info", (3, 13, 0, "final", 0))
    shown = [line.text for line in render(rows(), width, verbosity, encoding)]
    assert all(cells(line) <= max(width, 50) for line in shown)
    text = "\n".join(line.rstrip() for line in shown) + "\n"
    text.encode(encoding)
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("RACECHECK_RENEW_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_a_free_threaded_build_and_a_lesser_tier_are_named() -> None:
    row = replace(COUNT, free_threaded=True, tier="thread clocks", tier_reason="this kernel lacks it")
    about = " ".join(line.text for line in render([row], 200)[:1])
    assert "CPython 3.13.0, free-threaded, 2 cores, switch interval 5 ms" in about
    assert "shares: thread clocks (this kernel lacks it)" in about


@pytest.mark.parametrize("verdict", VERDICTS)
def test_there_is_advice_for_every_verdict(verdict: str) -> None:
    for row in (COUNT, replace(COUNT, serial=None, speedup=None, ideal=None)):
        text = advice(replace(row, verdict=verdict, why="so"))  # type: ignore[arg-type]
        assert text.startswith(f"{verdict}: ")
        assert "None" not in text


def test_the_bar_is_as_long_as_it_should_be() -> None:
    assert bar([("#", 0.5), ("G", 0.48), (".", 0.02)], 10) == "#####GGGG."
    assert bar([("#", 1.0), ("G", 0.004)], 10) == "#" * 10
    assert bar([("#", 0.0)], 10) == ""
    assert len(bar([(letter, 1.0) for letter in "abcdef"], 40)) == 40
