"""The counter under frontrun, used as its README shows: it starts the threads itself."""

import time

import frontrun

from benchmarks.cases import options
from benchmarks.cases.counter import Counter


def test_counter() -> None:
    start = time.perf_counter()
    result = frontrun.explore(
        setup=Counter,
        workers=Counter.increment,
        count=2,
        invariant=lambda counter: counter.value == 2,
        strategy=options.STRATEGY,
        max_attempts=options.RUNS,
        seed=0,
    )
    options.record(options.RUNS / (time.perf_counter() - start))
    result.assert_holds()
