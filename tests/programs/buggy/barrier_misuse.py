"""The result is stored after the barrier instead of before it: who leaves the barrier first finds nothing."""

import threading

import pytest


@pytest.mark.race
def test_exchange() -> None:
    barrier = threading.Barrier(2)
    results: dict[str, int] = {}
    read: list[int] = []

    def reader() -> None:
        barrier.wait()
        read.append(results["square"])

    def writer() -> None:
        barrier.wait()
        results["square"] = 49

    threads = [threading.Thread(target=target) for target in (reader, writer)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read == [49]
