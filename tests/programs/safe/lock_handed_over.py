"""A plain lock may be released by another thread than the one that took it: here it is a signal."""

import threading

import pytest


@pytest.mark.race
def test_signal() -> None:
    signal = threading.Lock()
    signal.acquire()
    steps: list[int] = []

    def waiter() -> None:
        signal.acquire()
        steps.append(2)

    def signaller() -> None:
        steps.append(1)
        signal.release()

    threads = [threading.Thread(target=target) for target in (waiter, signaller)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert steps == [1, 2]
