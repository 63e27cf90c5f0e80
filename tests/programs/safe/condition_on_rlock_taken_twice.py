"""`Condition.wait` gives an RLock back whole, however often it was taken, and takes it as often again."""

import threading

import pytest


@pytest.mark.race
def test_wait_inside_two_levels() -> None:
    condition = threading.Condition()
    box: list[int] = []

    def consumer() -> None:
        with condition, condition:
            while not box:
                condition.wait()
            box.pop()

    def producer() -> None:
        with condition:
            box.append(1)
            condition.notify()

    threads = [threading.Thread(target=target) for target in (consumer, producer)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert box == []
