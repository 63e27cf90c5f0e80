"""The last philosopher takes the right fork first, so the circle never closes."""

import threading

import pytest

SEATS = 3


@pytest.mark.race
def test_dinner() -> None:
    forks = [threading.Lock() for _ in range(SEATS)]
    fed: list[int] = []

    def philosopher(seat: int) -> None:
        first, second = sorted((seat, (seat + 1) % SEATS))
        with forks[first], forks[second]:
            fed.append(seat)

    threads = [threading.Thread(target=philosopher, args=(seat,)) for seat in range(SEATS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(fed) == [0, 1, 2]
