"""Two threads that write a shared attribute: SIZE scheduling points in a run, and hardly a switch under PCT."""

import threading

import pytest

from benchmarks.cases import options


class Shared:
    value = 0


@pytest.mark.race(timeout=600)
def test_points() -> None:
    shared = Shared()

    def write() -> None:
        for number in range(options.SIZE // 2):
            shared.value = number

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
