"""What a proof would rest on unseen is named; what is modelled, or can't matter, is not."""

from __future__ import annotations

import collections
import contextlib
import functools
import io
import itertools
import json
import math
import random
import threading
import types
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Engine

SHARED: dict[str, int] = {"a": 1}


class Thing:
    def method(self) -> int:
        return 1

    @functools.cached_property
    def cached(self) -> int:
        return 1


class Calls:
    back: Callable[[int], None]


def known_calls() -> None:
    thing, items = Thing(), [3, 1, 2]
    thing.method()
    items.sort()
    sorted(items)
    len(items)
    isinstance(thing, Thing)
    "text".upper().split(",")
    math.sqrt(2)
    SHARED.get("a")
    list(SHARED.items())
    threading.current_thread()
    collections.deque(items).append(1)
    next(itertools.count())
    print(end="")
    _ = thing.cached


def printed_to_where_the_test_looks() -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        print("seen")


UNKNOWN: list[tuple[Callable[[], object], str]] = [
    (lambda: json.dumps(SHARED), "dumps"),
    (lambda: random.random() + 1, "Random.random"),
    (lambda: ",".join(SHARED), "str.join"),
    (lambda: types.MappingProxyType(SHARED).copy(), "copy"),
    (lambda: random.randint(1, 2), "Random.randint"),
    (lambda: print("x", file=io.StringIO()), "print"),
    (printed_to_where_the_test_looks, "print"),
]


def notes(engine: Engine, call: Callable[[], object]) -> str:
    def body() -> None:
        def work() -> None:
            call()

        engine.together(work, work)

    explored = engine.explore(body, strategy="exhaustive", interleavings=100)
    assert explored.error is None
    return " ".join(explored.result.notes)


def test_a_method_of_a_container_under_another_name_is_told(engine: Engine) -> None:
    def body() -> None:
        found: list[int] = []
        calls = Calls()
        calls.back = found.append
        engine.together(lambda: calls.back(1), lambda: found.append(2))

    explored = engine.explore(body, strategy="exhaustive")
    assert explored.verdict == "passed"
    assert any("calls list.append, which racecheck can't see into" in note for note in explored.result.notes)


def test_what_is_known_is_no_gap(engine: Engine) -> None:
    assert "can't see into" not in notes(engine, known_calls)


@pytest.mark.parametrize(("call", "name"), UNKNOWN, ids=[name for _, name in UNKNOWN])
def test_what_is_not_known_is_named_with_its_place(engine: Engine, call: Callable[[], object], name: str) -> None:
    told = notes(engine, call)
    assert f"calls {name}" in told or f"calls mappingproxy.{name}" in told
    assert "test_audit.py:" in told


def test_what_only_one_thread_does_alone_is_no_gap(engine: Engine) -> None:
    def body() -> None:
        made = json.dumps(SHARED)
        engine.together(threading.Lock().acquire)
        json.loads(made)

    explored = engine.explore(body, strategy="exhaustive")
    assert explored.verdict == "proved"


def test_accesses_are_still_seen_under_audit(engine: Engine) -> None:
    class Counter:
        value = 0

    def body() -> None:
        counter = Counter()

        def increment() -> None:
            counter.value += 1
            counter.value += 1

        engine.together(increment, increment)
        assert counter.value > 2

    assert engine.explore(body, strategy="exhaustive", interleavings=200).verdict == "race"
