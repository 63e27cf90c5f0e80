"""Containers that come out of a call, a property, ``or`` and the like are seen as if they had a name."""

from __future__ import annotations

import collections
import dis
import importlib
import inspect
import itertools
import subprocess
import sys
import types
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from pytest_racecheck.instrument import stack

if TYPE_CHECKING:
    from tests.conftest import Engine


class Registry:
    """Has a list, a set and a dict, and gives them away."""

    def __init__(self) -> None:
        self._list = [1, 2]
        self._set = {1, 2}
        self._dict = {1: 1, 2: 2}

    @property
    def list_(self) -> list[int]:
        return self._list

    @property
    def set_(self) -> set[int]:
        return self._set

    def items(self) -> list[int]:
        return self._list

    def names(self) -> set[int]:
        return self._set

    def table(self) -> dict[int, int]:
        return self._dict

    def views(self) -> Any:
        return self._dict.values()

    def __iter__(self) -> Iterator[int]:
        return iter(self._dict)

    def clear(self) -> None:
        self._list.clear()
        self._set.clear()
        self._dict.clear()

    def grow(self) -> None:
        self._dict[3] = 3


def loop_over_list(r: Registry) -> int:
    found = 0
    for item in r.items():
        found += item
    return found


def loop_over_property(r: Registry) -> int:
    found = 0
    for item in r.list_:
        found += item
    return found


def loop_under_the_same_name(r: Registry) -> int:
    found, item = 0, r.items()
    for item in item:  # type: ignore[assignment] # noqa: B020
        found += item  # type: ignore[operator]
    return found


def loop_over_alternatives(r: Registry) -> int:
    return sum([2 * item for item in (r.items() or [5])])


def unpacked(r: Registry) -> int:
    first, second = r.items()
    return first + second


def asked(r: Registry) -> str:
    if not r.names():
        return "nothing"
    return "something"


def short_cut(r: Registry) -> object:
    return r.items() and 1


def chosen(r: Registry, other: tuple[()] = ()) -> bool:
    return 1 in (r or other).items()  # type: ignore[truthy-bool, union-attr]


def extended(r: Registry) -> list[int]:
    mine = [0]
    mine.extend(r.items())
    return mine


def added_in_place(r: Registry) -> list[int]:
    mine = [0]
    mine += r.items()
    return mine


def delegated(r: Registry) -> list[int]:
    def give() -> Iterator[int]:
        yield from r.items()

    return list(give())


def all_of(*arguments: object) -> object:
    return arguments


#: What one thread finds, which the order of its only look and ``Registry.clear`` decides.
LOOKS: dict[str, Callable[[Registry], object]] = {
    **{
        function.__name__: function
        for function in (
            *(loop_over_list, loop_over_property, loop_under_the_same_name, loop_over_alternatives, unpacked),
            *(asked, short_cut, chosen, extended, added_in_place, delegated),
        )
    },
    "in": lambda r: 1 in r.table(),
    "in property": lambda r: 1 in r.set_,
    "in view": lambda r: 1 in r.table().keys(),  # noqa: SIM118
    "compared": lambda r: r.items() == [1, 2],
    "added": lambda r: r.items() + [3],  # noqa: RUF005
    "both sides": lambda r: r.names() & r.set_,
    "spread": lambda r: [*r.items()],
    "star": lambda r: all_of(*r.items()),
    "format": lambda r: f"{r.items()}",
    "percent": lambda r: "%s" % r.names(),  # noqa: UP031
    "method of a list": lambda r: r.items().count(1),
    "method of a property": lambda r: r.set_.isdisjoint({1}),
    "method of a dict": lambda r: r.table().get(1),
    "second argument": lambda r: {1}.union({3}, r.names()),
    "argument of a method": lambda r: {1}.union(r.names()),
    "zip": lambda r: [pair for pair in zip("ab", r.items(), strict=False)],  # noqa: C416
    "enumerate": lambda r: [item for _, item in enumerate(r.items())],
    "comprehension": lambda r: dict.fromkeys(r.items(), 1),
}


@pytest.mark.parametrize("name", LOOKS)
def test_one_look_and_one_change_come_in_both_orders(name: str, engine: Engine) -> None:
    look = LOOKS[name]

    def body() -> object:
        registry = Registry()
        found: list[object] = []
        engine.together(lambda: found.append(look(registry)), registry.clear)
        return repr(found)

    explored = engine.explore(body)
    assert explored.error is None or isinstance(explored.error, ValueError)  # what `unpacked` finds is too little
    assert explored.error is not None or len(set(explored.values)) > 1


def looped(r: Registry) -> None:
    for _ in r:
        pass


#: Each goes through a dict by an iterator that others made, and notices that it grows.
WALKS: dict[str, Callable[[Registry], object]] = {
    "looped": looped,
    "comprehension": lambda r: [key for key in r],  # noqa: C416
    "views of a call": lambda r: [value for value in r.views()],  # noqa: C416
    "enumerated": lambda r: [key for _, key in enumerate(r)],
    "zipped": lambda r: [key for key, _ in zip(r, r, strict=False)],
    "chained": lambda r: [key for key in itertools.chain(r, ())],  # noqa: C416
    "all at once": lambda r: list(r),  # noqa: PLW0108
    "unpacked": lambda r: all_of(*r),
}


@pytest.mark.parametrize("name", WALKS)
def test_what_an_iterator_of_others_looks_into_is_seen(name: str, engine: Engine) -> None:
    def body() -> None:
        registry = Registry()
        engine.together(lambda: WALKS[name](registry), registry.grow)

    explored = engine.explore(body)
    assert explored.verdict == "race"
    assert isinstance(explored.error, RuntimeError)


def test_an_iterator_that_two_threads_share_is_seen(engine: Engine) -> None:
    class Source:
        def __init__(self) -> None:
            self.numbers = itertools.islice(range(10), 3)

        def rest(self) -> Iterator[int]:
            return self.numbers

    def body() -> object:
        source = Source()
        found: list[list[int]] = [[], []]

        def take(number: int) -> None:
            for each in source.rest():
                found[number].append(each)

        engine.together(lambda: take(0), lambda: take(1))
        return str(found)

    assert len(set(engine.passes(body, interleavings=200))) == 8  # 2 ** 3


def test_what_was_just_made_is_nobody_elses(engine: Engine) -> None:
    def generate() -> Iterator[int]:
        yield from sorted({2, 1})

    def fresh() -> dict[str, int]:
        return {"a": 1}

    def work() -> None:
        for number in generate():
            assert number
        for _, value in enumerate(fresh().items()):
            assert value
        assert "a" in fresh()
        assert fresh() == {"a": 1}

    def body() -> None:
        engine.together(work, work)

    explored = engine.explore(body)
    assert (explored.verdict, explored.result.distinct) == ("proved", 1)


class Thing:
    pass


def things() -> list[Thing]:
    return [Thing()]


def named_things() -> dict[str, Thing]:
    return {"a": Thing()}


def in_loop(take: Callable[[Thing], None]) -> None:
    for thing in things():
        take(thing)


def in_comprehension(take: Callable[[Thing], None]) -> None:
    [(take(thing), 1) for thing in things()]  # type: ignore[func-returns-value]


def in_view(take: Callable[[Thing], None]) -> None:
    for thing in named_things().values():
        take(thing)


def in_unpacking(take: Callable[[Thing], None]) -> None:
    (thing,) = things()
    take(thing)


def in_enumeration(take: Callable[[Thing], None]) -> None:
    for _, thing in enumerate(things()):
        take(thing)


def test_two_that_nobody_else_knows_are_not_one(engine: Engine) -> None:
    def work() -> None:
        things().append(Thing())
        assert len(things()) == 1

    explored = engine.explore(lambda: engine.together(work, work))
    assert (explored.verdict, explored.result.distinct) == ("proved", 1)


@pytest.mark.parametrize("use", [in_loop, in_comprehension, in_view, in_unpacking, in_enumeration])
def test_what_nobody_else_knows_is_not_kept(use: Callable[[Callable[[Thing], None]], None], engine: Engine) -> None:
    def work() -> None:
        references: list[weakref.ref[Thing]] = []
        use(lambda thing: references.append(weakref.ref(thing)))
        assert [reference() for reference in references] == [None]

    engine.passes(lambda: engine.together(work, work))


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.update({3: 3}),
        lambda table: table.setdefault(3, 3),
        lambda table: table.pop(1),
        lambda table: table.clear(),
    ],
    ids=["update", "setdefault", "pop", "clear"],
)
def test_methods_of_a_user_dict_count_as_one_step(change: Callable[[Any], object], engine: Engine) -> None:
    class Table(collections.UserDict[int, int]):
        pass

    def body() -> object:
        table = Table({1: 1})
        found: list[object] = []
        engine.together(lambda: found.append(list(table)), lambda: change(table))
        return found

    assert len({str(found) for found in engine.passes(body)}) == 2


def test_how_deep_the_stack_is_follows_from_the_code() -> None:
    assert stack.works()
    names = ("argparse", "ast", "asyncio.base_events", "contextlib", "dataclasses", "inspect", "typing", "zipfile")
    codes = [compile(inspect.getsource(importlib.import_module(name)), name, "exec") for name in names]
    count = 0
    while codes:
        code = codes.pop()
        codes += [part for part in code.co_consts if isinstance(part, types.CodeType)]
        assert len(stack.depths(code)) > len(list(dis.get_instructions(code))) * 0.9  # some are never come to
        count += 1
    assert count > 500


@pytest.mark.parametrize("use", ["container_of(lines)", "may_hide_containers(lines)", "items_of(lines, '__getitem__')"])
def test_types_that_nobody_has_asked_for_anything_yet(use: str) -> None:
    program = (
        "from pytest_racecheck.instrument.containers import *",
        "lines = (lambda: 0).__code__.co_lines()",
        use,
    )
    command = [sys.executable, "-c", "\n".join(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
