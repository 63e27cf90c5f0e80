"""A list shrinks under the loop, which then skips an item that was there all the time."""

import threading

import pytest


class Listeners:
    def __init__(self) -> None:
        self.listeners = ["a", "b", "c"]

    def notify(self) -> list[str]:
        notified = []
        for listener in self.listeners:
            notified.append(listener)
        return notified

    def remove(self, listener: str) -> None:
        self.listeners.remove(listener)


@pytest.mark.race
def test_who_stays_is_notified() -> None:
    listeners = Listeners()
    notified: list[str] = []
    threads = [
        threading.Thread(target=target)
        for target in (lambda: notified.extend(listeners.notify()), lambda: listeners.remove("a"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {"b", "c"} <= set(notified)
