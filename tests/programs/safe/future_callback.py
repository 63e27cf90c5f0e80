"""A done-callback runs once, whether it was added before or after the result."""

import threading
from concurrent.futures import Future

import pytest


@pytest.mark.race
def test_called_once() -> None:
    future: Future[int] = Future()
    called: list[int] = []

    def add() -> None:
        future.add_done_callback(lambda done: called.append(done.result()))

    def resolve() -> None:
        future.set_result(7)

    threads = [threading.Thread(target=target) for target in (add, resolve)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert called == [7]
