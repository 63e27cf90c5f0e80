"""Every philosopher takes the left fork first: with a left fork in every hand, nobody ever gets a right one."""

import threading

import pytest

VERDICT = "deadlock"


@pytest.mark.race
@pytest.mark.parametrize("seats", range(3, 11))
def test_dinner(seats: int) -> None:
    forks = [threading.Lock() for _ in range(seats)]
    fed: list[int] = []

    def philosopher(seat: int) -> None:
        with forks[seat], forks[(seat + 1) % seats]:
            fed.append(seat)

    threads = [threading.Thread(target=philosopher, args=(seat,)) for seat in range(seats)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(fed) == list(range(seats))
