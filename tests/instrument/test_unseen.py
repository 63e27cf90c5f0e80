# ruff: noqa: UP031, UP032, PLC3002, E713, PLW1508, B009, PLW0108, UP030, FURB171 - the spelling is the point
"""What looks at shared state, or changes it, past names and containers: an order is found that shows it, or no proof.

Each program has one writer, which changes something and puts it back, and one reader, which must not see the change.
"""

from __future__ import annotations

import builtins
import collections
import contextlib
import copy
import functools
import importlib
import itertools
import json
import math
import operator
import os
import queue
import random
import secrets
import sys
import threading
import time
import types
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.message import Message
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from tests.conftest import Engine


limit = 0


class Thing:
    def __init__(self) -> None:
        self.x = 0


class Zero:
    def x(self) -> int:
        return 0


class One:
    def x(self) -> int:
        return 1


class Kind(NamedTuple):
    name: str
    make: Callable[[], Any]
    #: Makes it 1 or 0, and says which of the two it is.
    write: Callable[[Any, int], object]
    read: Callable[[Any], int]


def set_x(thing: Any, value: int) -> None:
    thing.x = value


def set_first(items: Any, value: int) -> None:
    items[0] = value


def set_first_of_first(pair: Any, value: int) -> None:
    pair[0][0] = value


def set_class(thing: Any, value: int) -> None:
    thing.__class__ = [Zero, One][value]


def set_bases(cls: Any, value: int) -> None:
    cls.__bases__ = ([Zero, One][value],)


def set_dict(thing: Any, value: int) -> None:
    thing.__dict__ = {"x": value}


def set_item(table: Any, key: str, value: int) -> None:
    table[key] = value


def set_by_vars(thing: Any, value: int) -> None:
    vars(thing)["x"] = value


def set_code(function: Any, value: int) -> None:
    function.__code__ = (One if value else Zero).x.__code__


def set_length(cls: Any, value: int) -> None:
    cls.__len__ = lambda _: value


def set_name(thread: Any, value: int) -> None:
    thread.name = str(value)


def fill(items: Any, value: int) -> None:
    if value:
        items.append(1)
    else:
        items.clear()


def chained() -> Any:
    table = {"x": 0}
    return table, collections.ChainMap({}, table)


def set_header(message: Message, value: int) -> Message:
    del message["n"]
    message["n"] = str(value)
    return message


def some_module() -> types.ModuleType:
    module = types.ModuleType("some")
    module.x = None  # type: ignore[attr-defined]
    return module


def patch_function(module: Any, value: int) -> None:
    pytest.MonkeyPatch().setattr(module, "x", One.x if value else None)


def set_builtin(_: object, value: int) -> None:
    builtins.racecheck_unseen = value  # type: ignore[attr-defined]


def refer(pair: Any, value: int) -> None:
    pair[1][:] = [weakref.ref(pair[0])] * value


def take(lock: Any, value: int) -> None:
    if value:
        lock.acquire()
    else:
        lock.release()


def put(box: Any, value: int) -> None:
    if value:
        box.put(1)
    else:
        box.get()


def set_environment(_: object, value: int) -> None:
    os.environ["RACECHECK_UNSEEN"] = str(value)


def added_in_place(items: list[int]) -> int:
    found: list[int] = []
    found += items
    return found[0]


def set_limit(_: object, value: int) -> None:
    global limit
    limit = value


def imported_limit(_: object) -> int:
    from .test_unseen import limit as found

    return found


def made_class() -> type:
    return type("Made", (Zero,), {"__len__": lambda _: 0})


def made_function() -> Callable[[object], int]:
    def function(_self: object) -> int:
        return 0

    return function


def with_view() -> tuple[dict[int, int], Any]:
    table = {0: 0}
    return table, types.MappingProxyType(table)


def with_memory() -> tuple[bytearray, memoryview]:
    buffer = bytearray(1)
    return buffer, memoryview(buffer)


def with_proxy() -> tuple[Thing, Any]:
    thing = Thing()
    return thing, weakref.proxy(thing)


KINDS = [
    Kind("__class__", Zero, set_class, lambda thing: thing.x()),
    Kind("__bases__", made_class, set_bases, lambda cls: cls().x()),
    Kind("__dict__ assigned", Thing, set_dict, lambda thing: thing.x),
    Kind("__dict__ updated", Thing, lambda thing, value: thing.__dict__.update(x=value), lambda thing: thing.x),
    Kind("vars()", Thing, lambda thing, value: set_item(vars(thing), "x", value), lambda thing: thing.x),
    Kind("vars()[]", Thing, set_by_vars, lambda thing: vars(thing)["x"]),
    Kind("__code__", made_function, set_code, lambda function: function(None)),
    Kind("special method", made_class, set_length, lambda cls: len(cls())),
    Kind("partial setattr", Thing, lambda thing, value: functools.partial(setattr, thing, "x")(value), lambda t: t.x),
    Kind("partial sum", lambda: [0], set_first, lambda items: functools.partial(sum, items)()),
    Kind("partial list", lambda: [0], set_first, lambda items: functools.partial(list, items)()[0]),
    Kind("getattr(*)", Thing, set_x, lambda thing: getattr(*[thing, "x"])),
    Kind("setattr(*)", Thing, lambda thing, value: setattr(*[thing, "x", value]), lambda thing: thing.x),
    Kind("getattr by parts", Thing, set_x, lambda thing: getattr(thing, "".join("x"))),
    Kind("f(*items)", lambda: [0], set_first, lambda items: (lambda first: first)(*items)),
    Kind("added in place", lambda: [0], set_first, added_in_place),
    Kind("not <", lambda: [0], set_first, lambda items: int(not items < [1])),
    Kind("not in", lambda: [0], set_first, lambda items: 1 - int(not 1 in items) if items else 0),
    Kind("% values", lambda: {"x": 0}, lambda table, value: table.update(x=value), lambda table: int("%(x)s" % table)),
    Kind("% of several", lambda: [0], set_first, lambda items: int(("%s %s" % (1, items))[3])),
    Kind("format", lambda: [0], set_first, lambda items: int("{}".format(items)[1])),
    Kind("format attribute", Thing, set_x, lambda thing: int("{0.x}".format(thing))),
    Kind("nested in a list", lambda: [0], set_first, lambda items: int([items] == [[1]])),
    Kind("in a list", lambda: [0], set_first, lambda items: int([1] in [items])),
    Kind("nested in a tuple", lambda: ([0],), set_first_of_first, lambda items: int(items == ([1],))),
    Kind("nested in a text", lambda: [[0]], set_first_of_first, lambda items: int(f"{items}"[2])),
    Kind(
        "namespace compared", lambda: types.SimpleNamespace(x=0), set_x, lambda s: int(s == types.SimpleNamespace(x=1))
    ),
    Kind("random.choice", lambda: [0], set_first, lambda items: random.choice(items)),
    Kind("fsum", lambda: [0], set_first, lambda items: int(math.fsum(items))),
    Kind("fromkeys", lambda: [0], set_first, lambda items: next(iter(dict.fromkeys(items)))),
    Kind("from_bytes", lambda: bytearray(1), set_first, lambda buffer: int.from_bytes(buffer, "big")),
    Kind("isdisjoint", list, fill, lambda items: int(not frozenset([1]).isdisjoint(items))),
    Kind("starmap", lambda: [0], set_first, lambda items: next(itertools.starmap(int, [items]))),
    Kind("takewhile", list, fill, lambda items: len(list(itertools.takewhile(bool, items)))),
    Kind("starmap setattr", Thing, lambda t, value: list(itertools.starmap(setattr, [(t, "x", value)])), lambda t: t.x),
    Kind("mapping proxy", with_view, set_first_of_first, lambda pair: pair[1][0]),
    Kind("memory view read", with_memory, set_first_of_first, lambda pair: pair[1][0]),
    Kind("memory view written", with_memory, lambda pair, value: set_first(pair[1], value), lambda pair: pair[0][0]),
    Kind("weak proxy", with_proxy, lambda pair, value: set_x(pair[1], value), lambda pair: pair[0].x),
    Kind("UserDict.data", lambda: collections.UserDict({0: 0}), set_first, lambda table: table.data[0]),
    Kind("Queue.queue", queue.Queue, put, lambda box: len(box.queue)),
    Kind("unfinished tasks", queue.Queue, lambda b, v: b.put(1) if v else b.task_done(), lambda b: b.unfinished_tasks),
    Kind("monkeypatch", some_module, patch_function, lambda module: int(module.x is One.x)),
    Kind("a built-in name", lambda: set_builtin(None, 0), set_builtin, lambda _: racecheck_unseen),  # type: ignore[name-defined]  # noqa: F821
    Kind("weak references", lambda: (Thing(), []), refer, lambda pair: weakref.getweakrefcount(pair[0])),
    Kind("ChainMap", chained, lambda pair, value: set_item(pair[0], "x", value), lambda pair: pair[1]["x"]),
    Kind("an item of a message", lambda: set_header(Message(), 0), set_header, lambda message: int(message["n"])),
    Kind("repr of a lock", threading.Lock, take, lambda lock: int("unlocked" not in repr(lock))),
    Kind("repr of an RLock", threading.RLock, take, lambda lock: int("unlocked" not in repr(lock))),
    Kind("repr of a condition", threading.Condition, take, lambda lock: int("unlocked" not in repr(lock))),
    Kind("Thread.name", lambda: threading.Thread(name="0"), set_name, lambda thread: int(thread.name)),
    Kind(
        "environ.get", lambda: set_environment(None, 0), set_environment, lambda _: int(os.environ["RACECHECK_UNSEEN"])
    ),
    Kind(
        "environ.update",
        lambda: set_environment(None, 0),
        lambda _, value: os.environ.update(RACECHECK_UNSEEN=str(value)),
        lambda _: int(os.environ.get("RACECHECK_UNSEEN", 0)),
    ),
    Kind("getenv", lambda: set_environment(None, 0), set_environment, lambda _: int(os.getenv("RACECHECK_UNSEEN", 0))),
    Kind("imported name", lambda: set_limit(None, 0), set_limit, imported_limit),
    Kind("attrgetter", Thing, set_x, operator.attrgetter("x")),
    Kind("itemgetter", lambda: [0], set_first, operator.itemgetter(0)),
    Kind("deepcopy", lambda: [[0]], set_first_of_first, lambda items: copy.deepcopy(items)[0][0]),
    Kind("lru_cache", lambda: functools.lru_cache(Thing), lambda get, value: set_x(get(), value), lambda get: get().x),
]


@pytest.fixture(autouse=True)
def same_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RACECHECK_UNSEEN", "0")


@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
def test_a_change_that_could_be_seen_is_no_proof(engine: Engine, kind: Kind) -> None:
    thing = kind.make()
    kind.write(thing, 1)
    assert kind.read(thing) == 1  # the reader does see it

    def body() -> None:
        thing = kind.make()
        found: list[int] = []

        def write() -> None:
            kind.write(thing, 1)
            kind.write(thing, 0)

        engine.together(write, lambda: found.append(kind.read(thing)))
        assert found == [0]

    explored = engine.explore(body, strategy="exhaustive", interleavings=200)
    assert explored.verdict in ("race", "passed")
    if explored.verdict == "passed":
        assert any("no proof" in note for note in explored.result.notes)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: random.choice([1, 2]),
        lambda: random.SystemRandom().choice([1, 2]),
        lambda: secrets.choice([1, 2]),
        lambda: time.process_time(),
        lambda: time.thread_time_ns(),
    ],
)
def test_what_no_schedule_decides_is_no_proof(engine: Engine, draw: Callable[[], object]) -> None:
    explored = engine.explore(lambda: engine.together(draw, draw), strategy="exhaustive")
    assert explored.verdict == "passed"
    assert any("which racecheck can't see into" in note for note in explored.result.notes)


def test_a_plugin_that_is_what_the_threads_run_is_no_proof(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "site-packages"
    installed.mkdir()
    text = "class Counter:\n    n = 0\n    def add(self):\n        n = self.n\n        self.n = n + 1\n"
    (installed / "pytest_of_ours.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(installed)
    module = importlib.import_module("pytest_of_ours")

    def body() -> None:
        counter = module.Counter()
        engine.together(counter.add, counter.add)
        assert counter.n == 2

    explored = engine.explore(body, strategy="exhaustive")
    assert explored.verdict == "passed"
    assert any("calls Counter.add, which racecheck can't see into" in note for note in explored.result.notes)
    explored = engine.explore(body, strategy="exhaustive", include=("pytest_of_ours",))
    assert explored.verdict == "race"


class Worker(threading.Thread):
    def run(self) -> None:
        self.result = [1]


class Base:
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


def innocent() -> None:
    worker = Worker(name="worker", daemon=True)
    worker.daemon = False
    worker.name = "another"
    assert os.environ.get("HOME", "") is not None
    assert threading.current_thread().name
    names: Any
    names, pair = ["a", "b"], (1, 2)
    "%s of %d" % (names[0], len(names))
    (lambda *parts: parts)(*names)
    assert "a" in ("a", names[1])
    assert not "c" in names
    assert [names, pair][0] is names
    assert (names[0], pair[1]) == ("a", 2)
    names += ["c"]
    f"{names} {pair}"
    Base("x")
    queue.Queue[int](1).put(1)
    threading.Condition(threading.Lock())
    assert str(Path("a") / "b")
    with contextlib.suppress(KeyError):
        raise KeyError("x")
    thing = Thing()
    assert getattr(thing, "x") == 0
    for name in ("x",):
        assert hasattr(thing, name)


def test_what_everybody_does_is_still_proved(engine: Engine) -> None:
    explored = engine.explore(lambda: engine.together(innocent, innocent), strategy="exhaustive", interleavings=500)
    assert explored.verdict == "proved", explored.result.notes


def test_an_attribute_of_ones_own_in_a_class_of_the_library_is_proved(engine: Engine) -> None:
    def body() -> None:
        workers = [Worker(), Worker()]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
            assert worker.result == [1]

    explored = engine.explore(body, strategy="exhaustive")
    assert explored.verdict == "proved", explored.result.notes


def test_what_the_library_does_with_its_own_objects_is_no_gap(engine: Engine) -> None:
    def body() -> None:
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(int).result() == 0

    explored = engine.explore(body, strategy="exhaustive", interleavings=300)
    assert not any("does not watch" in note for note in explored.result.notes)


def test_a_call_with_a_star_is_told_of(engine: Engine) -> None:
    arguments = [{"x": 1}]
    explored = engine.explore(lambda: engine.together(lambda: json.dumps(*arguments), int), strategy="exhaustive")
    assert explored.verdict == "passed"
    assert any("calls dumps, which racecheck can't see into" in note for note in explored.result.notes)


def test_a_counter_that_counts_from_nothing_is_proved(engine: Engine) -> None:
    def body() -> None:
        counter: collections.Counter[str] = collections.Counter()
        lock = threading.Lock()

        def count() -> None:
            with lock:
                counter["x"] += 1

        engine.together(count, count)
        assert counter["x"] == 2

    explored = engine.explore(body, strategy="exhaustive")
    assert explored.verdict == "proved", explored.result.notes


def test_what_each_thread_has_for_itself_is_proved(engine: Engine) -> None:
    own = threading.local()

    def work() -> None:
        own.value = 1
        del own.value

    explored = engine.explore(lambda: engine.together(work, work), strategy="exhaustive")
    assert explored.verdict == "proved", explored.result.notes


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="there, the interpreter tells of every call")
def test_calls_that_the_interpreter_does_not_tell_of(engine: Engine) -> None:
    made: list[Callable[[], int]] = [int, functools.partial(int)]

    def calls_something() -> None:
        made[0]()
        made[len(made) - 1](*())

    explored = engine.explore(lambda: engine.together(calls_something, int), strategy="exhaustive")
    assert explored.verdict == "passed"
    assert any("calls something" in note for note in explored.result.notes)
