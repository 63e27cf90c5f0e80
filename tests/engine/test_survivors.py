"""State that the first interleaving makes and the others find made: no race for it can show, so that is said."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Engine, Explored


class Thing:
    """What there is to be only one of."""


class Single:
    instance: Thing | None = None

    @classmethod
    def get(cls) -> Thing:
        if cls.instance is None:
            cls.instance = Thing()
        return cls.instance


class Pool:
    __slots__ = ("connection",)

    connection: Thing

    def get(self) -> Thing:
        try:
            return self.connection
        except AttributeError:
            self.connection = Thing()
            return self.connection


class Settings:
    @functools.cached_property
    def parsed(self) -> Thing:
        return Thing()


_instance: Thing | None = None
_cache: dict[str, Thing] = {}
_pool = Pool()
_settings = Settings()
_lock = threading.Lock()


def of_a_module() -> Thing:
    global _instance
    if _instance is None:
        _instance = Thing()
    return _instance


def of_a_module_with_a_lock() -> Thing:
    with _lock:
        return of_a_module()


def of_a_cache() -> Thing:
    if "key" not in _cache:
        _cache["key"] = Thing()
    return _cache["key"]


def of_an_instance() -> Thing:
    return _pool.get()


def cached() -> Thing:
    return _settings.parsed


def remembering(function: Callable[[], Thing]) -> Callable[[], Thing]:
    made: Thing | None = None

    def wrapper() -> Thing:
        nonlocal made
        if made is None:
            made = function()
        return made

    return wrapper


of_a_closure = remembering(Thing)

LAZY = [of_a_module, of_a_module_with_a_lock, of_a_cache, Single.get, of_an_instance, cached, of_a_closure]


@pytest.fixture(autouse=True)
def nothing_made() -> None:
    forget()


def forget() -> None:
    global _instance, _pool, _settings
    _instance = Single.instance = None
    _cache.clear()
    _pool = Pool()
    _settings = Settings()


def raced(engine: Engine, get: Callable[[], Thing], **settings: object) -> Explored:
    def body() -> None:
        found: list[Thing] = []
        engine.together(lambda: found.append(get()), lambda: found.append(get()))
        assert found[0] is found[1]

    return engine.explore(body, **settings)


@pytest.mark.parametrize("get", LAZY, ids=lambda get: get.__qualname__)
@pytest.mark.parametrize("strategy", ["auto", "exhaustive", "random"])
def test_what_only_the_first_interleaving_makes_is_named(
    engine: Engine, get: Callable[[], Thing], strategy: str
) -> None:
    if get is of_a_closure:
        get = remembering(Thing)
    explored = raced(engine, get, strategy=strategy)
    assert explored.error is None
    assert explored.verdict == "passed"
    (warning,) = explored.result.warnings
    assert "test_survivors.py:" in warning
    assert "in interleaving 0 only" in warning
    assert "function-scoped fixture" in warning
    assert any("no proof: only interleaving 0 writes" in note for note in explored.result.notes)


def test_the_place_is_told_by_its_name(engine: Engine) -> None:
    assert "writes test_survivors._instance (" in raced(engine, of_a_module).result.warnings[0]
    assert "writes Single.instance (" in raced(engine, Single.get).result.warnings[0]
    assert "writes _cache (" in raced(engine, of_a_cache).result.warnings[0]


@pytest.mark.parametrize("get", LAZY[:-1], ids=lambda get: get.__qualname__)
def test_what_is_put_back_is_made_again(engine: Engine, get: Callable[[], Thing]) -> None:
    def body() -> None:
        forget()
        found: list[Thing] = []
        engine.together(lambda: found.append(get()), lambda: found.append(get()))
        assert found

    explored = engine.explore(body, interleavings=200)
    assert explored.error is None
    assert explored.result.warnings == []
    assert not any("interleaving 0" in note for note in explored.result.notes)


def test_what_was_there_before_is_nothing_made(engine: Engine) -> None:
    for get in LAZY:
        get()
        explored = raced(engine, get)
        assert explored.verdict == "proved", explored.result.notes
        assert not any("interleaving 0" in warning for warning in explored.result.warnings)


def test_what_one_thread_alone_makes_and_sees_only_costs_the_proof(engine: Engine) -> None:
    def body() -> None:
        engine.together(of_a_module, of_a_cache)

    explored = engine.explore(body)
    assert explored.verdict == "passed"
    assert not any("interleaving 0" in warning for warning in explored.result.warnings)
    assert sum("no proof: only interleaving 0 writes" in note for note in explored.result.notes) == 2


def test_what_is_made_behind_a_cache_in_c_only_costs_the_proof(engine: Engine) -> None:
    @functools.cache
    def get() -> None:
        of_a_module()

    def body() -> None:
        engine.together(get, int)

    explored = engine.explore(body)
    assert explored.verdict == "passed"
    assert explored.result.warnings == []
    assert any(
        "no proof: only interleaving 0 writes test_survivors._instance" in note for note in explored.result.notes
    )


def test_what_each_interleaving_makes_for_itself_is_no_survivor(engine: Engine) -> None:
    def body() -> None:
        class Local:
            instance: Thing | None = None

        items: list[int] = []
        table: dict[str, object] = {"self": items}
        table["table"] = table
        thing = Pool()

        def work() -> None:
            if not items:
                items.append(1)
            table["key"] = 1
            Local.instance = Thing()
            thing.get()

        engine.together(work, work)

    for strategy in ("exhaustive", "random"):
        explored = engine.explore(body, strategy=strategy, interleavings=2)
        assert explored.error is None
        assert explored.result.warnings == []
        assert not any("interleaving 0" in note for note in explored.result.notes)


def test_a_serial_run_that_fails_by_then_is_no_pass(engine: Engine) -> None:
    runs = 0

    def body() -> None:
        nonlocal runs
        runs += 1
        engine.together(of_a_module, of_a_module)
        assert runs != 6

    explored = engine.explore(body, strategy="random", interleavings=5)
    assert explored.verdict == "nondeterministic"
    assert "state survives from one interleaving to the next" in str(explored.error)
