"""`Condition.wait_for` checks its predicate under the lock, before and after each wait."""

import threading

import pytest


class Countdown:
    def __init__(self, start: int) -> None:
        self.condition = threading.Condition(threading.RLock())
        self.left = start

    def count(self) -> None:
        with self.condition:
            self.left -= 1
            self.condition.notify_all()

    def wait(self) -> int:
        with self.condition:
            self.condition.wait_for(lambda: self.left == 0)
            return self.left


@pytest.mark.race
def test_countdown() -> None:
    countdown = Countdown(2)
    seen: list[int] = []
    threads = [
        threading.Thread(target=target)
        for target in (lambda: seen.append(countdown.wait()), countdown.count, countdown.count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [0]
