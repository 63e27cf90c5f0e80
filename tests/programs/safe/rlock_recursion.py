"""The method calls another one that takes the same lock, which is an RLock and lets its owner in again."""

import threading

import pytest


class Room:
    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.inside = 0
        self.alarms = 0

    def enter(self) -> None:
        with self.lock:
            self.inside += 1
            if self.inside == 2:
                self.raise_alarm()

    def leave(self) -> None:
        with self.lock:
            self.inside -= 1

    def raise_alarm(self) -> None:
        with self.lock:
            self.alarms += 1


@pytest.mark.race
def test_two_visits() -> None:
    room = Room()

    def visit() -> None:
        room.enter()
        room.leave()

    threads = [threading.Thread(target=target) for target in (visit, visit)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert room.inside == 0
    assert room.alarms in (0, 1)
