"""Measures how many interleavings each strategy needs to find each bug, and writes the table.

``python -m benchmarks.bugs --write`` replaces ``docs/schedules-to-first-bug.md``.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.bugs.catalogue import BUGS, SAFE_STACK, Bug
from benchmarks.bugs.search import Found, search
from pytest_racecheck.strategy import NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

PAGE: Final = Path(__file__).parents[2] / "docs" / "schedules-to-first-bug.md"

COMMAND: Final = "python -m benchmarks.bugs --write"

#: These take no chances: one seed is as good as ten.
CERTAIN: Final = frozenset(("exhaustive",))

TEXT: Final = """\
# Schedules to the first bug

How many interleavings each strategy runs until the bug shows, the serial one included: the mean over the seeds {seeds}.
"in m of n" means that only so many seeds found it within the budget, 200 interleavings and 1,000 for reorder 99+1; the
mean is theirs then.
Points: the scheduling points of the longest run. Published: means from the SURW paper (Zhao et al., ASPLOS 2025), whose
programs are the originals in C.

Repeat it by `{command}` (CPython {python}; the numbers are the same on every machine, but differ a little between
versions of Python, which compile the same source to other accesses).

{table}

{found}

Not in the table: Vyukov's SafeStack, which needs three threads and at least five switches (published: 369,000 schedules
with SURW). No strategy found it within five minutes, in which SURW runs about 130,000 interleavings
(`python -m benchmarks.bugs --safe-stack 130000 --strategies surw`).
"""


def cell(results: Sequence[Found]) -> str:
    """The mean, and how many found it if not all did."""
    found = [result.interleavings for result in results if result.interleavings is not None]
    if not found:
        return "none"
    mean = f"{statistics.mean(found):,.1f}"
    return mean if len(found) == len(results) else f"{mean} in {len(found)} of {len(results)}"


def row(bug: Bug, results: dict[str, list[Found]]) -> list[str]:
    """One line of the table."""
    points = max(result.points for each in results.values() for result in each)
    published = ", ".join(f"{strategy} {mean}" for strategy, mean in bug.published.items())
    return [bug.title, f"{points}", *(cell(each) for each in results.values()), published]


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table; the first row is its head."""
    head, *body = (f"| {' | '.join(each)} |" for each in rows)
    return "\n".join([head, "|---" * len(rows[0]) + "|", *body])


def measure(bug: Bug, strategy: str, seeds: int) -> list[Found]:
    """All seeds of one cell."""
    return [search(bug, strategy, seed) for seed in range(1 if strategy in CERTAIN else seeds)]


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bugs", description=__doc__)
    parser.add_argument("--strategies", default=",".join(NAMES), help="which, with commas between (default: all)")
    parser.add_argument("--seeds", type=int, default=10, help="how many, counted from 0 (default: 10)")
    parser.add_argument("--programs", default="", help="only those with this in their names")
    parser.add_argument("--safe-stack", type=int, metavar="N", help="search for the bug in SafeStack instead, N runs")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    return parser.parse_args()


def main() -> int:
    """Print the table; the exit status is 1 when ``auto`` misses a bug."""
    options = arguments()
    strategies = options.strategies.split(",")
    if options.safe_stack:
        for strategy in strategies:
            print(strategy, search(SAFE_STACK, strategy, 0, options.safe_stack), flush=True)
        return 0
    bugs = [bug for bug in BUGS if options.programs in bug.title]
    rows = [["program", "points", *strategies, "published"]]
    missed = []
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        futures = {
            (bug.title, strategy): pool.submit(partial(measure, bug, strategy, options.seeds))
            for bug in bugs
            for strategy in strategies
        }
        for bug in bugs:
            results = {strategy: futures[bug.title, strategy].result() for strategy in strategies}
            rows.append(row(bug, results))
            print(*rows[-1], sep=" | ", flush=True)
            if any(result.interleavings is None for result in results.get("auto", [])):
                missed.append(bug.title)
    found = f"`auto` misses: {', '.join(missed)}." if missed else "`auto` finds every bug with every seed."
    if options.write:
        PAGE.write_text(
            TEXT.format(
                seeds=f"0 to {options.seeds - 1}",
                command=COMMAND,
                python=platform.python_version(),
                table=markdown(rows),
                found=found,
            )
        )
    print(found)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
