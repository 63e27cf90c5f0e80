"""Threads of the system that carry one controlled thread after the other: nobody may notice."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
import weakref
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_racecheck.engine import carriers

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Engine

needs_carriers = pytest.mark.skipif(not carriers.CAN_BE, reason="this version's threads are not carried")


@needs_carriers
def test_threads_of_the_system_are_used_again(engine: Engine) -> None:
    def body() -> set[int]:
        seen: set[int] = set()
        engine.together(*[lambda: seen.add(threading.get_native_id())] * 2)
        return seen

    first, *others = engine.passes(body, strategy="random", interleavings=20)
    used = set[int]().union(*others)
    assert len(used) < 8  # anew where the search moves to another processor
    assert not first & used


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_none_is_left(engine: Engine) -> None:
    def threads_of_the_system() -> int:
        return len(list(Path("/proc/self/task").iterdir()))

    before = threads_of_the_system()
    engine.passes(lambda: engine.together(int, int, int), strategy="random", interleavings=5)
    deadline = time.monotonic() + 10
    while threads_of_the_system() > before and time.monotonic() < deadline:
        time.sleep(0.01)  # those of the engine itself end by and by
    assert threads_of_the_system() <= before


def seen_by_threads(engine: Engine, look: Callable[[], object]) -> list[object]:
    """What ``look`` returned in each thread of ten runs. A test that failed for it would be run without carriers."""
    seen: list[object] = []
    engine.passes(lambda: engine.together(*[lambda: seen.append(look())] * 2), strategy="random", interleavings=10)
    assert len(seen) == 20
    return seen


def test_what_a_thread_leaves_in_local_objects_is_gone(engine: Engine) -> None:
    local = threading.local()

    def look() -> object:
        found = getattr(local, "value", None)
        local.value = 1
        return found

    assert seen_by_threads(engine, look) == [None] * 20


def test_values_of_local_objects_end_with_their_thread(engine: Engine) -> None:
    class Value:
        pass

    local = threading.local()

    def body() -> None:
        kept: list[weakref.ref[Value]] = []

        def touch() -> None:
            local.value = Value()
            kept.append(weakref.ref(local.value))

        engine.together(touch, touch)
        assert [each() for each in kept] == [None, None]

    engine.passes(body, strategy="random", interleavings=5)


def test_context_variables_begin_anew(engine: Engine) -> None:
    variable: ContextVar[int] = ContextVar("variable")

    def look() -> object:
        found = variable.get(None)
        variable.set(1)
        return found

    assert seen_by_threads(engine, look) == [None] * 20


@needs_carriers
@pytest.mark.parametrize("what", ["trace", "profile"])
def test_functions_that_watch_a_thread_do_not_stay(engine: Engine, what: str) -> None:
    get, put = getattr(sys, f"get{what}"), getattr(sys, f"set{what}")

    def look() -> object:
        found = get()
        put(lambda *_: None)
        return found

    assert seen_by_threads(engine, look) == [None] * 20


@pytest.mark.parametrize("what", ["hooks", "depth", "loop"])
def test_what_event_loops_set_does_not_stay(engine: Engine, what: str) -> None:
    async def nothing() -> None: ...

    def look() -> object:
        found = *sys.get_asyncgen_hooks(), sys.get_coroutine_origin_tracking_depth()
        if what == "hooks":
            sys.set_asyncgen_hooks(firstiter=print)
        elif what == "depth":
            sys.set_coroutine_origin_tracking_depth(3)
        else:
            asyncio.run(nothing())
        return found

    assert seen_by_threads(engine, look) == [(None, None, 0)] * 20


def test_threads_tell_of_themselves_what_they_should(engine: Engine) -> None:
    def body() -> None:
        go = threading.Event()
        thread = threading.Thread(target=go.wait)
        assert thread.ident is thread.native_id is None
        thread.start()
        assert thread in threading.enumerate()
        assert thread.ident != threading.get_ident()
        assert thread.native_id != threading.get_native_id()
        assert thread.is_alive()
        thread.join(0.1)
        assert thread.is_alive()
        go.set()
        thread.join()
        assert not thread.is_alive()
        assert thread not in threading.enumerate()
        thread.join(timeout=1)
        with pytest.raises(RuntimeError):
            thread.start()

    engine.passes(body, strategy="random", interleavings=10)


def test_what_threads_tell_of_themselves_afterwards(engine: Engine) -> None:
    kept: list[threading.Thread] = []

    def body() -> None:
        threads = [threading.Thread(target=int) for _ in range(2)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        kept.extend(threads)

    engine.passes(body, strategy="random", interleavings=5)
    assert not any(each.is_alive() for each in kept)
    for each in kept:
        each.join(timeout=5)


def test_a_thread_can_not_join_itself(engine: Engine) -> None:
    def body() -> None:
        errors: list[str] = []

        def join_itself() -> None:
            with pytest.raises(RuntimeError) as caught:
                threading.current_thread().join()
            errors.append(str(caught.value).lower())

        engine.together(join_itself, join_itself)
        assert errors == ["cannot join current thread"] * 2

    engine.passes(body, strategy="random", interleavings=5)


def test_the_size_of_stacks_is_the_one_asked_for(engine: Engine) -> None:
    def numbers() -> set[int]:
        found: set[int] = set()
        engine.together(*[lambda: found.add(threading.get_native_id())] * 2)
        return found

    def body() -> tuple[set[int], set[int]]:
        usual = numbers()
        size = threading.stack_size(16 * 1024 * 1024)
        try:
            return usual, numbers()
        finally:
            threading.stack_size(size)

    for usual, with_large_stacks in engine.passes(body, strategy="random", interleavings=5):
        assert not usual & with_large_stacks
    assert threading.stack_size() == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_in_a_thread_ends(engine: Engine) -> None:
    def fork() -> None:
        child = os.fork()
        if child == 0:
            thread = threading.Thread(target=int)
            thread.start()
            thread.join()
            os._exit(7 if threading.active_count() == 1 else 1)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 7

    engine.passes(lambda: engine.together(fork, int), strategy="random", interleavings=4)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_whose_thread_returns_ends(engine: Engine) -> None:
    def fork(seen: list[int]) -> None:
        child = os.fork()
        if child:
            _, status = os.waitpid(child, 0)
            seen.append(os.waitstatus_to_exitcode(status))

    def body() -> None:
        seen: list[int] = []
        engine.together(lambda: fork(seen), int)
        assert seen == [0]

    engine.passes(body, strategy="random", interleavings=3)


@needs_carriers
def test_a_failure_that_only_carriers_bring_is_none(engine: Engine) -> None:
    seen: set[int] = set()

    def body() -> None:
        mine: list[int] = []
        engine.together(*[lambda: mine.append(threading.get_native_id())] * 2)
        assert not seen & set(mine), "the system uses no number again so soon"
        seen.update(mine)

    engine.passes(body, strategy="random", interleavings=20)


def test_threads_that_are_lost_are_not_used_again(engine: Engine) -> None:
    runs: list[int] = []

    def stubborn() -> None:
        while True:
            try:
                time.sleep(1)
            except BaseException:  # as some code does
                if len(runs) > 1:
                    raise
                runs.append(0)

    def body() -> None:
        threading.Thread(target=stubborn, daemon=True).start()
        engine.together(int, int)

    engine.passes(body, strategy="random", interleavings=5)


def test_exceptions_set_from_outside_hit_no_other_thread(engine: Engine) -> None:
    import ctypes

    def body() -> Any:
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(ValueError))
        done: list[int] = []
        engine.together(lambda: done.append(1), lambda: done.append(2))
        assert len(done) == 2

    engine.passes(body, strategy="random", interleavings=5)


def test_what_the_test_puts_in_place_of_functions_is_for_itself(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise NotImplementedError

    def body() -> None:
        done: list[int] = []
        with monkeypatch.context() as patch:
            for owner, name in ((os, "getpid"), (sys, "gettrace"), (sys, "getprofile"), (threading, "stack_size")):
                patch.setattr(owner, name, refuse)
            engine.together(lambda: done.append(1), lambda: done.append(2))
        assert len(done) == 2

    engine.passes(body, strategy="random", interleavings=5)


@needs_carriers
def test_threads_that_the_system_refuses_are_not_carried(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    refused: list[int] = []

    def refuse(*_: object, **__: object) -> None:
        refused.append(1)
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(carriers, "_start", refuse)
    engine.passes(lambda: engine.together(int, int), strategy="random", interleavings=5)
    assert refused == [1]
