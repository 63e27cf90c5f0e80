"""`list.pop` gives each item to one thread."""

import threading

import pytest


@pytest.mark.race
def test_each_item_once() -> None:
    items = [1, 2, 3, 4]
    taken: list[int] = []

    def take() -> None:
        taken.append(items.pop())
        taken.append(items.pop(0))

    threads = [threading.Thread(target=target) for target in (take, take)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [1, 2, 3, 4]
    assert items == []
