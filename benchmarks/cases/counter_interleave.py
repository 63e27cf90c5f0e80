"""The counter under interleave-test, used as its README shows."""

import time

import interleave_test

from benchmarks.cases import options
from benchmarks.cases.counter import body


def test_counter() -> None:
    start = time.perf_counter()
    result = interleave_test.explore(body, iterations=options.RUNS, strategy=options.STRATEGY, seed=0)
    options.record(options.RUNS / (time.perf_counter() - start))
    assert result.ok
