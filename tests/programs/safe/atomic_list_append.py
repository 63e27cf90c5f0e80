"""`list.append` is one operation: no item is lost."""

import threading

import pytest


@pytest.mark.race
def test_all_items_are_there() -> None:
    items: list[int] = []

    def add(first: int) -> None:
        items.append(first)
        items.append(first + 1)

    threads = [threading.Thread(target=target) for target in (lambda: add(0), lambda: add(10))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(items) == [0, 1, 10, 11]
