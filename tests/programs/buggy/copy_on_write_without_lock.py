"""Each writer replaces the tuple by a longer copy of what it read: two at once, and one registration is gone."""

import threading

import pytest


class Registry:
    def __init__(self) -> None:
        self.handlers: tuple[str, ...] = ()

    def register(self, handler: str) -> None:
        self.handlers = (*self.handlers, handler)


@pytest.mark.race
def test_both_are_registered() -> None:
    registry = Registry()
    threads = [
        threading.Thread(target=target) for target in (lambda: registry.register("a"), lambda: registry.register("b"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(registry.handlers) == ["a", "b"]
