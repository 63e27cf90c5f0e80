"""SIZE threads that increment a counter behind a lock."""

import threading

import pytest

from benchmarks.cases import options
from benchmarks.cases.counter import Counter


@pytest.mark.race(timeout=600)
def test_threads() -> None:
    counter = Counter()
    threads = [threading.Thread(target=counter.increment) for _ in range(options.SIZE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.value == options.SIZE
