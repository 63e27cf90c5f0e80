"""`dict.update` from another dictionary is one operation: a copy has all of the new items or none."""

import threading

import pytest


@pytest.mark.race
def test_all_or_none() -> None:
    table: dict[str, int] = {}
    seen: list[dict[str, int]] = []
    threads = [
        threading.Thread(target=target)
        for target in (lambda: table.update({"a": 1, "b": 2}), lambda: seen.append(table.copy()))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen[0] in ({}, {"a": 1, "b": 2})
