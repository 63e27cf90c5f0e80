"""A late callback is called at once, with the lock still held; it asks for the result, which takes the lock again."""

import threading
from collections.abc import Callable

import pytest

VERDICT = "deadlock"


class Promise:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.value: int | None = None
        self.callbacks: list[Callable[[Promise], None]] = []

    def resolve(self, value: int) -> None:
        with self.lock:
            self.value = value
            callbacks = list(self.callbacks)
        for callback in callbacks:
            callback(self)

    def result(self) -> int | None:
        with self.lock:
            return self.value

    def when_done(self, callback: Callable[["Promise"], None]) -> None:
        with self.lock:
            if self.value is None:
                self.callbacks.append(callback)
            else:
                callback(self)


@pytest.mark.race
def test_callback_gets_the_result() -> None:
    promise = Promise()
    results: list[int | None] = []

    def subscribe() -> None:
        promise.when_done(lambda done: results.append(done.result()))

    def resolve() -> None:
        promise.resolve(7)

    threads = [threading.Thread(target=target) for target in (subscribe, resolve)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [7]
