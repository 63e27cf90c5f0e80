"""The wait has a limit and nobody calls: it runs out, returns False, and the thread goes on."""

import threading

import pytest


@pytest.mark.race
def test_nobody_calls() -> None:
    condition = threading.Condition()
    results: list[bool] = []

    def waiter() -> None:
        with condition:
            results.append(condition.wait(timeout=0.02))

    threads = [threading.Thread(target=target) for target in (waiter, waiter)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [False, False]
