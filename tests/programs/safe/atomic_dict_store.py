"""Stores under different keys don't disturb each other, and the last store of a key wins as a whole."""

import threading

import pytest


@pytest.mark.race
def test_stores() -> None:
    table: dict[str, tuple[str, str]] = {}

    def store(name: str) -> None:
        table[name] = (name, name)
        table["last"] = (name, name)

    threads = [threading.Thread(target=target) for target in (lambda: store("a"), lambda: store("b"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert table["a"] == ("a", "a")
    assert table["b"] == ("b", "b")
    assert table["last"] in (("a", "a"), ("b", "b"))
