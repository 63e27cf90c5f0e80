"""`list.extend` and `+=` of a tuple add all their items in one operation each."""

import threading

import pytest


@pytest.mark.race
def test_groups_stay_together() -> None:
    items: list[str] = []

    def extend() -> None:
        items.extend(("a", "b"))

    def add() -> None:
        nonlocal items
        items += ("c", "d")

    threads = [threading.Thread(target=target) for target in (extend, extend)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert items == ["a", "b", "a", "b"]
    add()
    assert len(items) == 6
