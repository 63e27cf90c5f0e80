"""Runs one case in a pytest session of its own and returns what it measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
CASES = Path("benchmarks") / "cases"

_ENVIRONMENT = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
# What is installed has its bytecode; a checkout gets it at the first run, unless that is forbidden.
_ENVIRONMENT.pop("PYTHONDONTWRITEBYTECODE", None)


def _run(arguments: list[str], environment: dict[str, str]) -> None:
    completed = subprocess.run(
        arguments,
        cwd=ROOT,
        env={**_ENVIRONMENT, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if completed.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{completed.stdout}")


def _pytest(*options: str) -> list[str]:
    # No configuration file: the one of this repository is for its own suite.
    return ["-m", "pytest", "-q", "-c", os.devnull, "--rootdir", str(ROOT), "-p", "no:cacheprovider", *options]


def recorded(case: str, *options: str, launcher: list[str] | None = None, **environment: object) -> list[float]:
    """The numbers that a case hands over with `options.record`; ``environment`` are its ``BENCH_...`` settings."""
    with tempfile.TemporaryDirectory() as directory:
        result = Path(directory) / "result"
        variables = {f"BENCH_{name.upper()}": str(value) for name, value in environment.items()}
        _run(
            [*(launcher or []), sys.executable, *_pytest(*options, str(CASES / case))],
            {"BENCH_RESULT": str(result), **variables},
        )
        return [float(line) for line in result.read_text().splitlines()]


def explored(case: str, interleavings: int, strategy: str, **environment: object) -> tuple[int, float]:
    """Interleavings run and seconds taken by a case under racecheck."""
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "report.json"
        options = (
            *("-p", "racecheck"),
            f"--interleavings={interleavings}",
            f"--racecheck-strategy={strategy}",
            f"--racecheck-json={report}",
        )
        variables = {f"BENCH_{name.upper()}": str(value) for name, value in environment.items()}
        _run([sys.executable, *_pytest(*options, str(CASES / case))], variables)
        (test,) = json.loads(report.read_text())["tests"]
        return int(test["interleavings"]), float(test["seconds"])


def wall_time(path: Path, *options: str) -> float:
    """Seconds that a whole session takes, start-up of the interpreter included."""
    start = time.perf_counter()
    _run([sys.executable, *_pytest(*options, str(path))], {})
    return time.perf_counter() - start
