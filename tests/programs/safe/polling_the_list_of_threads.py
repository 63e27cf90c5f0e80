"""Waits until no other thread is left: each has done its work by then."""

import threading

import pytest


@pytest.mark.race
def test_all_have_ended() -> None:
    done: list[int] = []
    before = threading.active_count()
    for number in range(2):
        threading.Thread(target=done.append, args=(number,)).start()
    while threading.active_count() > before:
        pass
    assert sorted(done) == [0, 1]
