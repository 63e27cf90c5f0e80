"""`dict.popitem` hands every item to one thread, and raises `KeyError` at the end."""

import threading

import pytest


@pytest.mark.race
def test_each_item_once() -> None:
    jobs = {"a": 1, "b": 2, "c": 3}
    taken: list[tuple[str, int]] = []

    def work() -> None:
        while True:
            try:
                taken.append(jobs.popitem())
            except KeyError:
                return

    threads = [threading.Thread(target=target) for target in (work, work)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [("a", 1), ("b", 2), ("c", 3)]
