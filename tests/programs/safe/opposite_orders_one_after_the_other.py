"""The orders are opposite, but the second thread only starts when the first one has ended."""

import threading

import pytest


@pytest.mark.race
def test_never_at_once() -> None:
    lock_a, lock_b = threading.Lock(), threading.Lock()
    done: list[str] = []

    def a_then_b() -> None:
        with lock_a, lock_b:
            done.append("a, b")

    def b_then_a() -> None:
        with lock_b, lock_a:
            done.append("b, a")

    for target in (a_then_b, b_then_a):
        thread = threading.Thread(target=target)
        thread.start()
        thread.join()
    assert done == ["a, b", "b, a"]
