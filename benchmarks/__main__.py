"""Measures racecheck and its peers in one run, and prints what came out beside what is asked for.

Install the peers first, ``pip install -e ".[bench]"``, and run it from the root of the repository, on CPython 3.13 and
an idle machine. Absolute figures belong to the machine; the ratios are the point.
Every rate is the best of three rounds, in which all tools take turns.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.sessions import explored, recorded, wall_time

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 3


@dataclass(frozen=True)
class Row:
    """One line of the table; ``met`` is None where nothing is asked for."""

    what: str
    measured: str
    asked: str = ""
    met: bool | None = None

    def __str__(self) -> str:
        mark = {True: "met", False: "MISSED", None: ""}[self.met]
        return f"{self.what:<58} {self.measured:>16}  {self.asked:<14} {mark}".rstrip()


def _racecheck(strategy: str, interleavings: int = 2_000) -> float:
    done, seconds = explored("counter_racecheck.py", interleavings, strategy)
    return done / seconds


def throughput() -> list[Row]:
    """Interleavings a second, inside pytest, of two threads that increment a counter behind a lock."""
    tools: dict[str, Callable[[], float]] = {
        "racecheck random": lambda: _racecheck("random"),
        "racecheck pct": lambda: _racecheck("pct"),
        "uncontrolled loop": lambda: recorded("counter_uncontrolled.py", runs=2_000)[0],
        "interleave-test random": lambda: recorded("counter_interleave.py", runs=1_000, strategy="random")[0],
        "interleave-test pct": lambda: recorded("counter_interleave.py", runs=1_000, strategy="pct")[0],
    }
    if find_spec("frontrun"):
        launcher = [str(Path(sys.executable).with_name("frontrun"))]
        tools["frontrun random"] = lambda: recorded(
            "counter_frontrun.py", "-p", "frontrun.pytest_plugin", launcher=launcher, runs=300, strategy="random"
        )[0]
    best = dict.fromkeys(tools, 0.0)
    for _ in range(ROUNDS):
        for name, rate in tools.items():
            best[name] = max(best[name], rate())

    def ratio(ours: str, other: str, asked: float) -> Row:
        value = best[ours] / best[other]
        return Row(f"{ours} / {other}", f"{value:.2f}", f">= {asked}", value >= asked)

    return [
        *(Row(name, f"{rate:,.0f}/s") for name, rate in best.items()),
        ratio("racecheck random", "interleave-test random", 8),
        ratio("racecheck pct", "interleave-test pct", 5),
        ratio("racecheck random", "uncontrolled loop", 0.5),
        ratio("racecheck pct", "uncontrolled loop", 0.5),
    ]


def point_cost() -> list[Row]:
    """What one more scheduling point costs when no switch happens there, and how that grows with their number."""

    def seconds(size: int) -> float:
        interleavings, total = explored("points.py", max(4, 200_000 // size), "pct", size=size)
        return total / interleavings

    times = {size: min(seconds(size) for _ in range(ROUNDS)) for size in (1_000, 10_000, 100_000)}
    cost = (times[10_000] - times[1_000]) / 9_000 * 1e6
    growth = (times[100_000] / times[10_000]) / 10
    return [
        Row("one scheduling point without a switch", f"{cost:.2f} us", "<= 2 us", cost <= 2),
        Row("time for 100,000 points / 10 x time for 10,000", f"{growth:.2f}", "<= 1.2", growth <= 1.2),
    ]


def thread_growth() -> list[Row]:
    """How the time of a run grows with the number of threads."""

    def seconds(size: int) -> float:
        # As many for both: the first ones of a search are watched by the detectors, which takes longer.
        interleavings, total = explored("threads.py", 60, "random", size=size)
        return total / interleavings

    times = {size: min(seconds(size) for _ in range(ROUNDS)) for size in (20, 200)}
    growth = times[200] / times[20] / 10
    return [Row("time for 200 threads / 10 x time for 20", f"{growth:.2f}", "<= 1.2", growth <= 1.2)]


def memory() -> list[Row]:
    """How much the process grows from interleaving 1,000 to 10,000."""
    options = ("-p", "racecheck", "--interleavings=10000", "--racecheck-strategy=random")  # auto would prove it at once
    early, late = recorded("memory.py", *options, runs=10_000)
    return [Row("memory from interleaving 1,000 to 10,000", f"{late - early:+.1f} MB", "< 10 MB", late - early < 10)]


def unmarked_suite() -> list[Row]:
    """A suite of 400 trivial tests without the marker, with and without the plugin."""
    with tempfile.TemporaryDirectory() as directory:
        suite = Path(directory) / "test_trivial.py"
        suite.write_text("\n\n".join(f"def test_{number}():\n    assert True" for number in range(400)))
        pairs = [(wall_time(suite, "-p", "racecheck"), wall_time(suite)) for _ in range(15)]
    ratio = statistics.median(with_it for with_it, _ in pairs) / statistics.median(without for _, without in pairs)
    return [Row("400 unmarked tests, with the plugin / without", f"{ratio:.3f}", "<= 1.05", ratio <= 1.05)]


def main() -> int:
    """Print the table; the exit status is 1 when something that is asked for was missed."""
    print(f"CPython {platform.python_version()}, {os.cpu_count()} cores\n")
    if sys.version_info[:2] != (3, 13):
        print("The figures asked for are for 3.13.\n")
    if not find_spec("interleave_test"):
        raise SystemExit("The peers are missing: pip install -e '.[bench]'")
    rows: list[Row] = []
    for measure in (throughput, point_cost, thread_growth, memory, unmarked_suite):
        for row in measure():
            print(row, flush=True)
            rows.append(row)
    return 1 if any(row.met is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
