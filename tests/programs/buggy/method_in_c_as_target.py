"""The thread is started with a method of a list: nothing says that it has run when the other thread looks."""

import threading

import pytest


@pytest.mark.race
def test_first_is_there() -> None:
    found: list[int] = []
    lengths: list[int] = []
    threads = [
        threading.Thread(target=found.append, args=(1,)),
        threading.Thread(target=lambda: lengths.append(len(found))),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert lengths == [1]
