"""Closing wakes one of the two consumers; nobody wakes the other."""

import threading

import pytest

VERDICT = "deadlock"


class Feed:
    def __init__(self) -> None:
        self.condition = threading.Condition()
        self.closed = False

    def close(self) -> None:
        with self.condition:
            self.closed = True
            self.condition.notify()

    def wait_closed(self) -> None:
        with self.condition:
            while not self.closed:
                self.condition.wait()


@pytest.mark.race
def test_both_see_the_end() -> None:
    feed = Feed()
    threads = [threading.Thread(target=target) for target in (feed.close, feed.wait_closed, feed.wait_closed)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert feed.closed
