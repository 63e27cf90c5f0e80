"""`join(timeout=)` may run out; the thread is joined for good afterwards."""

import threading
import time

import pytest


@pytest.mark.race
def test_second_join() -> None:
    done: list[int] = []

    def work() -> None:
        time.sleep(0.05)
        done.append(1)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(timeout=0.01)
    assert thread.is_alive()
    thread.join()
    assert done == [1]
