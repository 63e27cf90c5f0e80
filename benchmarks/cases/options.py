"""What the table asks of a case, and how the case answers: through the environment and a file."""

from __future__ import annotations

import os
from pathlib import Path

RUNS = int(os.environ.get("BENCH_RUNS", "100"))
STRATEGY = os.environ.get("BENCH_STRATEGY", "random")
SIZE = int(os.environ.get("BENCH_SIZE", "100"))


def record(value: float) -> None:
    """Hand one number to the table."""
    with Path(os.environ["BENCH_RESULT"]).open("a") as results:
        results.write(f"{value}\n")
