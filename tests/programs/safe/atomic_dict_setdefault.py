"""`dict.setdefault` looks and stores in one operation: all threads get the same list."""

import threading

import pytest


@pytest.mark.race
def test_one_list() -> None:
    groups: dict[str, list[int]] = {}

    def join(member: int) -> None:
        groups.setdefault("staff", []).append(member)

    threads = [threading.Thread(target=target) for target in (lambda: join(1), lambda: join(2), lambda: join(3))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(groups["staff"]) == [1, 2, 3]
