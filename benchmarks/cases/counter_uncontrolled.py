"""The counter in a plain loop, scheduled by the operating system."""

import time

from benchmarks.cases import options
from benchmarks.cases.counter import body


def test_counter() -> None:
    start = time.perf_counter()
    for _ in range(options.RUNS):
        body()
    options.record(options.RUNS / (time.perf_counter() - start))
