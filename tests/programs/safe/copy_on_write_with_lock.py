"""Writers replace the tuple under a lock; readers need none, because they read it once."""

import threading

import pytest


class Registry:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.handlers: tuple[str, ...] = ()

    def register(self, handler: str) -> None:
        with self.lock:
            self.handlers = (*self.handlers, handler)

    def first_and_last(self) -> tuple[str, str] | None:
        handlers = self.handlers
        return (handlers[0], handlers[-1]) if handlers else None


@pytest.mark.race
def test_both_are_registered() -> None:
    registry = Registry()
    threads = [
        threading.Thread(target=target)
        for target in (lambda: registry.register("a"), lambda: registry.register("b"), registry.first_and_last)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(registry.handlers) == ["a", "b"]
