"""Methods of a list and of a dict as targets of threads and tasks of a pool: each is one step."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest


@pytest.mark.race
def test_all_are_there() -> None:
    found: list[int] = []
    names: dict[int, str] = {}
    threads = [threading.Thread(target=found.append, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with ThreadPoolExecutor(2) as pool:
        pool.submit(found.append, 2)
        pool.submit(names.setdefault, 1, "one")
    assert sorted(found) == [0, 1, 2]
    assert names == {1: "one"}
