"""Which conflicting pairs of lines were seen in both orders."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from pytest_racecheck.report.beside import render_beside
from tests.pytesting.test_summary import result as made

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_racecheck.report.model import Coverage
    from tests.conftest import Engine


class Box:
    def __init__(self) -> None:
        self.value = 0
        self.items: dict[str, int] = {"a": 0, "b": 0}


def together(*functions: Callable[[], object]) -> None:
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def coverage(engine: Engine, body: Callable[[], object], **settings: Any) -> Coverage:
    found = engine.explore(body, watch=True, **settings).result.coverage
    assert found is not None
    return found


def pairs(found: Coverage) -> set[tuple[str, str, str, bool]]:
    return {(pair.resource, pair.first.source, pair.second.source, pair.both) for pair in found.pairs}


def body() -> None:
    box, gate = Box(), threading.Event()

    def write() -> None:
        box.value = 1
        box.items["a"] = 1
        gate.set()

    def change() -> None:
        box.value = 2
        gate.wait()
        box.items["b"] = 2
        assert box.items["a"] == 1

    together(write, change)


def test_lines_that_were_seen_in_both_orders_and_in_one(engine: Engine) -> None:
    found = coverage(engine, body)
    assert ("value", "box.value = 1", "box.value = 2", True) in pairs(found)
    assert ("box.items", 'box.items["a"] = 1', 'assert box.items["a"] == 1', False) in pairs(found)
    assert not any('"b"' in first + second for _, first, second, _ in pairs(found))
    assert (found.both, found.one) == (1, 1)
    assert [pair.both for pair in found.pairs] == [False, True]


def test_reads_are_no_pair(engine: Engine) -> None:
    def read() -> None:
        box = Box()
        together(lambda: box.value, lambda: box.value)

    assert engine.explore(read, watch=True).result.coverage is None


def test_only_some_of_many_interleavings_are_watched_unless_asked(engine: Engine) -> None:
    assert coverage(engine, body, strategy="random", interleavings=40).watched == 40
    sampled = engine.explore(body, strategy="random", interleavings=40).result.coverage
    assert sampled is not None
    assert sampled.watched == 17


def test_it_is_told_in_a_few_lines(engine: Engine) -> None:
    shown = made("test_it", coverage=coverage(engine, body), interleavings=100)
    lines = list(render_beside(shown, 1))
    assert lines[0].startswith("lines that touch the same: 1 pair seen in both orders, 1 in one order only (in ")
    assert lines[1].startswith("  box.items: test_coverage.py:")
    assert " only before test_coverage.py:" in lines[1]


def test_not_all_of_very_many_are_told_at_once(engine: Engine) -> None:
    found = coverage(engine, body)
    found.pairs = [pair for pair in found.pairs if not pair.both] * 9
    shown = made("test_it", coverage=found)
    assert list(render_beside(shown, 1))[-1] == "  4 more (-vv shows them)"
    assert len(list(render_beside(shown, 2))) == 10
