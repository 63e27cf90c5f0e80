"""A single store to an attribute is never half done: the last writer wins as a whole."""

import threading

import pytest


class Setting:
    def __init__(self) -> None:
        self.value = ("default", "default")

    def set(self, text: str) -> None:
        self.value = (text, text)


@pytest.mark.race
def test_last_one_wins() -> None:
    setting = Setting()
    threads = [threading.Thread(target=target) for target in (lambda: setting.set("a"), lambda: setting.set("b"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert setting.value in (("a", "a"), ("b", "b"))
