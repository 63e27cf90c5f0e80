"""A module-level counter, incremented by two functions of the module without a lock."""

import threading

import pytest

hits = 0


@pytest.fixture(autouse=True)
def no_hits() -> None:
    global hits
    hits = 0


def hit() -> None:
    global hits
    hits += 1


@pytest.mark.race
def test_hits_are_counted() -> None:
    threads = [threading.Thread(target=target) for target in (hit, hit)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert hits == 2
