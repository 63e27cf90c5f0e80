"""Each philosopher takes the left fork first; with a left fork in every hand, nobody gets a right one."""

import threading

import pytest

VERDICT = "deadlock"

SEATS = 3


@pytest.mark.race
def test_dinner() -> None:
    forks = [threading.Lock() for _ in range(SEATS)]
    fed: list[int] = []

    def philosopher(seat: int) -> None:
        with forks[seat], forks[(seat + 1) % SEATS]:
            fed.append(seat)

    threads = [threading.Thread(target=philosopher, args=(seat,)) for seat in range(SEATS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(fed) == [0, 1, 2]
