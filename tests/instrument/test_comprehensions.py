"""Variables of comprehensions that have the name of a variable which functions share: a look at them may kill."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

PROGRAMS = """
import threading
import time
import pytest


class Item:
    def __init__(self):
        self.n = 0
        self.names = []
        self.lock = threading.Lock()

    def add(self):
        self.n += 1


def together(*functions):
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def add(items):
    def shares():
        return item
    return [item.add() or setattr(item, "n", item.n) for item in items]


@pytest.mark.race
def test_attributes():
    items = [Item(), Item()]
    together(lambda: add(items), lambda: add(items))
    assert [item.n for item in items] == [2, 2]


def grow(items):
    def shares():
        return item
    return [[name for name in item] + [item.append(1)] for item in items if not item]


@pytest.mark.race
def test_containers():
    items = [[], []]
    together(lambda: grow(items), lambda: grow(items))
    assert items == [[1], [1]]


def wait(items):
    def shares():
        return item
    return [time.sleep(0.1) for item in items for _ in iter(lambda: item.n, 1)], [poll(item) for item in items]


def poll(item):
    while not item.n:
        pass


@pytest.mark.race
def test_polling():
    items = [Item()]
    together(lambda: [wait([item]) for item in items], items[0].add)


def lock(items):
    def shares():
        return item
    return [item.lock.acquire() for item in items]


@pytest.mark.race
def test_deadlock():
    items = [Item(), Item()]
    together(lambda: lock(items), lambda: lock(items[::-1]))
"""


def test_a_look_at_such_a_variable_does_not_kill(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PROGRAMS)
    result = pytester.runpytest_subprocess("-p", "racecheck", "--racecheck-json=out.json", timeout=120)
    result.assert_outcomes(failed=3, passed=1)
    report = json.loads((pytester.path / "out.json").read_text())
    verdicts = {test["nodeid"].rpartition("::")[2]: test["verdict"] for test in report["tests"]}
    assert verdicts.pop("test_polling") in ("passed", "proved")
    assert verdicts == dict.fromkeys(("test_attributes", "test_containers"), "race") | {"test_deadlock": "deadlock"}
