"""What a proof would rest on unseen is named; what is modelled, or can't matter, is not."""

from __future__ import annotations

import abc
import collections
import contextlib
import copy
import functools
import io
import itertools
import json
import math
import random
import sys
import threading
import types
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Engine

SHARED: dict[str, int] = {"a": 1}
NESTED = {"a": [1]}


class Thing:
    def method(self) -> int:
        return 1

    @functools.cached_property
    def cached(self) -> int:
        return 1


class Bag(dict[str, int]):
    """Made of its argument in C, as it has no ``__init__`` of its own."""


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
    sum(items)
    max(SHARED, key=len)
    list(map(str, items))
    items.extend([4])
    list(zip(items, [1, 2], strict=False))
    list(itertools.islice(items, 2))
    functools.partial(len, items)
    with contextlib.suppress(ValueError):
        raise ValueError(items)
    if sys.version_info >= (3, 12):  # before, it is code in Python that takes a lock
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
    (lambda: "{a}".format_map(SHARED), "str.format_map"),
    (lambda: functools.reduce(int.__add__, SHARED.values()), "reduce"),
    (lambda: contextlib.ExitStack().close(), "ExitStack."),
    (lambda: copy.deepcopy(NESTED), "deepcopy"),
    (lambda: list(map(SHARED.get, "a")), "map"),
    (lambda: list(itertools.chain(SHARED, [1])), "chain"),
    (lambda: list(itertools.product(SHARED)), "product"),
    (lambda: Bag(SHARED), "Bag"),
    (lambda: types.MappingProxyType(SHARED), "mappingproxy"),
]

#: Only where the interpreter tells what a call is given.
SEEN_FROM_3_12: list[tuple[Callable[[], object], str]] = [
    (lambda: sum([[1], [2]], []), "sum"),  # noqa: RUF017 - that it reads what is inside is the point
    (lambda: str([[1]]), "str"),
    (lambda: repr([("a", [1])]), "repr"),
    (lambda: list(itertools.islice(iter("abc"), 2)), "islice"),
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


@pytest.mark.skipif(sys.version_info < (3, 12), reason="a profile function is not told what a call is given")
@pytest.mark.parametrize(("call", "name"), SEEN_FROM_3_12, ids=[name for _, name in SEEN_FROM_3_12])
def test_what_is_inside_of_containers_is_not_known(engine: Engine, call: Callable[[], object], name: str) -> None:
    assert f"calls {name}" in notes(engine, call)


class Shared:
    value = 0
    items: list[int]


def zipped(engine: Engine) -> bool:
    items, more = [1, 2], [1]
    found: list[dict[int, int]] = []
    engine.together(lambda: found.append(dict(zip(items, more, strict=False))), lambda: more.append(2))
    return found == [{1: 1}]


def multiplied(engine: Engine) -> bool:
    shared = Shared()
    shared.items = [1]

    def twice() -> None:
        shared.items *= 2

    engine.together(twice, lambda: shared.items.append(2))
    return shared.items == [1, 1, 2]


def repeated(engine: Engine) -> bool:
    items = [1]
    found: list[list[int]] = []
    engine.together(lambda: found.append(items * 2), lambda: items.append(2))
    return found == [[1, 1]]


def spelt_out(engine: Engine) -> bool:
    items: list[int | str] = [1]

    def spell() -> None:
        nonlocal items
        items += "ab"

    engine.together(spell, lambda: items.append(2))
    return items == [1, "a", "b", 2]


def keys_of_a_view(engine: Engine) -> bool:
    table = {"a": 1}
    found: list[set[str]] = []
    engine.together(lambda: found.append(table.keys() & {"b"}), lambda: table.setdefault("b", 2))
    return found == [set()]


def compared(engine: Engine) -> bool:
    buffer = bytearray(b"a")
    found: list[bool] = []
    engine.together(lambda: found.append(buffer == b"a"), lambda: buffer.append(1))
    return found == [True]


def extended(engine: Engine) -> bool:
    items, more = [0], [1, 2]
    engine.together(lambda: items.extend(more), lambda: more.append(3))
    return items == [0, 1, 2]


def united(engine: Engine) -> bool:
    items, more = {0}, {1}
    found: list[set[int]] = []
    engine.together(lambda: found.append(items.union(more)), lambda: more.add(2))
    return found == [{0, 1}]


def target_that_is_partial(engine: Engine) -> bool:
    items: list[int] = []
    found: list[int] = []
    engine.together(functools.partial(items.append, 1), lambda: found.append(len(items)))
    return found == [1]


def target_that_sets(engine: Engine) -> bool:
    Shared.value = 0
    found: list[int] = []
    thread = threading.Thread(target=setattr, args=(Shared, "value", 1))
    thread.start()
    engine.together(lambda: found.append(Shared.value))
    thread.join()
    return found == [1]


def a_function_for_a_module(engine: Engine) -> bool:
    module = types.ModuleType("some")
    module.hook = None  # type: ignore[attr-defined]
    found: list[object] = []

    def give() -> None:
        module.hook = a_function_for_a_module  # type: ignore[attr-defined]

    engine.together(give, lambda: found.append(module.hook))
    return found == [a_function_for_a_module]


def registered(engine: Engine) -> bool:
    abstract = abc.ABCMeta("abstract", (), {})
    found: list[bool] = []
    engine.together(lambda: abstract.register(Shared), lambda: found.append(issubclass(Shared, abstract)))
    return found == [True]


def named_as_of_old(engine: Engine) -> bool:
    thread = threading.Thread(name="one")
    found: list[str] = []
    engine.together(lambda: thread.setName("other"), lambda: found.append(thread.getName()))
    return found == ["other"]


@pytest.mark.filterwarnings("ignore:.etName")
@pytest.mark.parametrize(
    "program",
    [
        *(extended, united, zipped, multiplied, repeated, spelt_out, keys_of_a_view, compared),
        *(target_that_is_partial, target_that_sets, a_function_for_a_module, registered, named_as_of_old),
    ],
)
def test_no_order_is_proved_to_be_the_only_one(engine: Engine, program: Callable[[Engine], bool]) -> None:
    def body() -> None:
        assert program(engine)

    assert engine.explore(body, strategy="exhaustive", interleavings=100).verdict != "proved"


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


class Patched:
    def method(self) -> int:
        return 1


def on_the_instance() -> None:
    SHOWN.method = lambda: 2  # type: ignore[method-assign]
    del SHOWN.method


def on_the_class() -> None:
    before = Patched.method
    Patched.method = lambda self: 2  # type: ignore[method-assign]
    Patched.method = before  # type: ignore[method-assign]


def on_a_module() -> None:
    before = math.sqrt
    math.sqrt = abs  # type: ignore[assignment]
    math.sqrt = before


SHOWN = Patched()


@pytest.mark.parametrize("replace", [on_the_instance, on_the_class, on_a_module])
def test_what_replaces_a_method_while_others_run_is_named(engine: Engine, replace: Callable[[], None]) -> None:
    explored = engine.explore(lambda: engine.together(replace, SHOWN.method), strategy="exhaustive")
    assert explored.verdict == "passed"
    assert any("while others run, and racecheck does not see who uses it" in note for note in explored.result.notes)


def test_what_makes_a_class_is_not(engine: Engine) -> None:
    def make() -> None:
        class Made:
            limit = 1

            def method(self) -> int:
                return self.limit

        Made.limit = 2
        made = Made()
        made.callback = make  # type: ignore[attr-defined]
        assert made.method() == 2

    explored = engine.explore(lambda: engine.together(make, make), strategy="exhaustive")
    assert explored.verdict == "proved", explored.result.notes


def test_a_module_that_is_imported_anew_is_no_proof(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who imports it first does what is in it, who comes later does not, and an import is no operation."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "imported_anew.py").write_text("VALUE = 1\n")

    def load() -> None:
        import imported_anew  # type: ignore[import-not-found] # noqa: F401

    def body() -> None:
        sys.modules.pop("imported_anew", None)
        engine.together(load, load)

    result = engine.explore(body, strategy="exhaustive").result
    assert result.verdict == "passed"
    assert any("imported_anew is imported while others run" in note for note in result.notes)


class Lazy:
    """Stands for an object that isn't there yet, as in web frameworks: who asks for its class makes it."""

    value = 1

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        raise LookupError("asked too early")

    def __getattribute__(self, name: str) -> Any:
        return super().__getattribute__(name)

    def __getitem__(self, key: int) -> int:
        return key

    def __call__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[int]:
        return iter([1])


def test_nobody_asks_an_object_for_its_class(engine: Engine) -> None:
    lazy = Lazy()
    holder = [lazy]

    def work() -> None:
        lazy.value = 1
        assert lazy.value + lazy() + lazy[1] + holder[0]() == 4
        assert list(lazy) + [each for each in lazy] == [1, 1]  # noqa: C416
        found = lazy in holder
        assert found
        functools.partial(lazy)()

    engine.passes(lambda: engine.together(work, work, lazy))
