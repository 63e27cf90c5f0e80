"""Runs a folder of tests of real libraries under racecheck and its peers, and writes what each found.

``python -m benchmarks.libraries FOLDER --write`` replaces ``docs/real-libraries.md``. The folder holds one case a file
(`benchmarks.libraries.peer` says what a case consists of): ``test_dl_*`` deadlock in some interleaving, ``test_safe_*``
are correct, all others hold a race. racecheck gets the folder as it is, with one run of pytest a seed. Install the
requirements of the folder and the peers (``pip install -e ".[bench]"``) first, on CPython 3.13.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

PAGE: Final = Path(__file__).parents[2] / "docs" / "real-libraries.md"
ROOT: Final = Path(__file__).parents[2]
PEERS: Final = ("frontrun", "interleave-test")

#: Real seconds for one case under a peer.
LIMIT: Final = 120

TEXT: Final = """\
# Real bugs in real libraries

Tests on pinned versions of libraries from PyPI, each with a bug that was published, or with correct code. They use
plain `threading` and the marker `race`; nothing in them was written for racecheck, which gets no setting but the
marker's (`include` where the bug is in the standard library itself). The peers are given more: the parts of each test,
and by hand the libraries to look into. All have {runs} interleavings; frontrun runs its strategy `random`,
interleave-test its `pct`, the best of each.

| | racecheck | frontrun 0.7.0 | interleave-test 0.1.0 |
|---|---|---|---|
{totals}

racecheck ran with {seeds} seeds, and a test counts if it came out right with each. The folder took it {seconds:.0f} s
a seed, in one process, on a machine with {processors} processors.

Repeat it by `python -m benchmarks.libraries FOLDER --write` (CPython {python}).

## Case by case

At: the interleaving that failed, the same for all seeds unless there are several. "hang": no end within {limit} s.

| test | library | bug | racecheck | at | frontrun | interleave-test |
|---|---|---|---|---|---|---|
{cases}

## What the reports say first

{reports}
"""


@dataclass
class Case:
    """One file of the folder. ``racecheck`` has a result of its JSON report for each seed."""

    path: Path
    meta: dict[str, Any]
    racecheck: list[dict[str, Any]] = field(default_factory=list)
    peers: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Without what all names have."""
        return self.path.stem.removeprefix("test_")

    @property
    def kind(self) -> str:
        """What there is to find."""
        return {"dl": "deadlock", "safe": "nothing"}.get(self.name.partition("_")[0], "race")

    def is_right(self, word: str) -> bool:
        """Whether a tool that came to ``word`` came to the right end."""
        wanted = {"deadlock": ("deadlock",), "nothing": ("passed", "proved"), "race": ("race", "failed")}
        return word in wanted[self.kind]


def read(path: Path) -> Case:
    """A case without importing it: its libraries may have to be imported by a tool first."""
    meta: dict[str, Any] = {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "META":
            assert isinstance(node.value, ast.Call)
            meta = {each.arg or "": ast.literal_eval(each.value) for each in node.value.keywords}
    return Case(path, meta)


def run_racecheck(folder: Path, cases: list[Case], seed: int) -> float:
    """All cases in one session. Returns the seconds that it took."""
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "report.json"
        start = time.perf_counter()
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "racecheck", str(folder)]
        subprocess.run(
            [*command, f"--racecheck-seed={seed}", f"--racecheck-json={report}", f"--rootdir={folder}"],
            stdout=subprocess.DEVNULL,
            check=False,
            cwd=directory,
        )
        seconds = time.perf_counter() - start
        results = {test["nodeid"].partition("::")[0]: test for test in json.loads(report.read_text())["tests"]}
    for case in cases:
        case.racecheck.append(results[case.path.name])
    return seconds


def run_peer(tool: str, case: Case) -> None:
    """One case under a peer, in a process of its own."""
    launcher = [str(Path(sys.executable).with_name("frontrun"))] if tool == "frontrun" else []
    command = [*launcher, sys.executable, "-m", "benchmarks.libraries.peer", tool, str(case.path)]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired:
        case.peers[tool] = "hang"
        return
    told = [line for line in done.stdout.splitlines() if line.startswith("came to: ")]
    case.peers[tool] = told[-1].removeprefix("came to: ") if told else "error"


def total(cases: list[Case], kind: str, title: str) -> str:
    """One row of the first table."""
    chosen = [case for case in cases if case.kind == kind]
    counts = [sum(all(case.is_right(test["verdict"]) for test in case.racecheck) for case in chosen)]
    counts += [sum(case.is_right(case.peers.get(tool, "")) for case in chosen) for tool in PEERS]
    return f"| {title} | {' | '.join(f'{count} of {len(chosen)}' for count in counts)} |"


def row(case: Case) -> str:
    """One row of the second table."""
    verdicts = ", ".join(sorted({test["verdict"] for test in case.racecheck}))
    failures = sorted({test["first_failure"] for test in case.racecheck if test["first_failure"] is not None})
    at = ", ".join(map(str, failures))
    peers = " | ".join(case.peers.get(tool, "") for tool in PEERS)
    what = case.meta.get("kind", "").replace("|", "/")
    return f"| {case.name} | {case.meta.get('lib', '')} | {what} | {verdicts} | {at} | {peers} |"


def headline(case: Case) -> str:
    """What the report of the first seed says about the bug."""
    failure = case.racecheck[0]["failure"]
    if failure is None:
        return ""
    details = failure["details"][0] if failure["details"] else failure["message"].partition("\n")[0]
    cause = f"{failure['cause']}: " if failure["cause"] else ""
    return f"- **{case.name}**: {cause}`{details.replace(str(case.path.parent) + os.sep, '')}`"


def main() -> int:
    """Print the tables; the exit status is 1 when racecheck is wrong anywhere."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.libraries", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=5, help="how many, counted from 1 (default: 5)")
    parser.add_argument("--no-peers", action="store_true", help="racecheck alone")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    options = parser.parse_args()
    folder = options.folder.resolve()
    cases = [read(path) for path in sorted(folder.glob("test_*.py"))]
    seconds = [run_racecheck(folder, cases, seed) for seed in range(1, options.seeds + 1)]
    if not options.no_peers:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda pair: run_peer(*pair), [(tool, case) for case in cases for tool in PEERS]))
    kinds = (("race", "races found"), ("deadlock", "deadlocks named"), ("nothing", "correct code left alone"))
    text = TEXT.format(
        runs=200,
        totals="\n".join(total(cases, kind, title) for kind, title in kinds),
        seeds=options.seeds,
        seconds=min(seconds),
        processors=os.cpu_count(),
        python=platform.python_version(),
        limit=LIMIT,
        cases="\n".join(map(row, cases)),
        reports="\n".join(filter(None, map(headline, cases))),
    )
    print(text)
    if options.write:
        PAGE.write_text(text)
    wrong = [case.name for case in cases if not all(case.is_right(test["verdict"]) for test in case.racecheck)]
    print("wrong:", ", ".join(wrong) or "none")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
