"""Looking at the clock, refilling and taking a token happen under one lock."""

import threading
import time

import pytest


class Bucket:
    def __init__(self, tokens: int) -> None:
        self.lock = threading.Lock()
        self.tokens = tokens
        self.filled_at = time.monotonic()

    def take(self) -> bool:
        with self.lock:
            if time.monotonic() - self.filled_at > 60:
                self.tokens = 1
            if self.tokens < 1:
                return False
            self.tokens -= 1
            return True


@pytest.mark.race
def test_one_token() -> None:
    bucket = Bucket(tokens=1)
    granted: list[bool] = []

    def caller() -> None:
        granted.append(bucket.take())

    threads = [threading.Thread(target=target) for target in (caller, caller)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert granted.count(True) == 1
