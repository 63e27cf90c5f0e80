"""What tests do that has little to do with threads, done by threads; run by test_robustness.py.

Tests named ``..._bug`` have a race that must be found, all others must pass, and those that are not marked look whether
something is left.
"""

from __future__ import annotations

import contextlib
import contextvars
import ctypes
import importlib
import logging
import os
import signal
import sqlite3
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import SimpleNamespace
from typing import Any

import pytest

FILTERS = list(warnings.filters)
LIBC = ctypes.CDLL(None)
COMPARE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
VARIABLE = contextvars.ContextVar("VARIABLE", default=0)
FORKING = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
Guard = AbstractContextManager[Any]


class Counter:
    def __init__(self, guard: Guard | None = None) -> None:
        self.value = 0
        self._guard = guard or contextlib.nullcontext()

    def add(self, *_: object) -> int:
        with self._guard:
            self.value += 1
        return 0


def together(*functions: Callable[[], object]) -> None:
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def nothing() -> None: ...


@pytest.mark.race(interleavings=15)
def test_imports() -> None:
    for name in ("imported_first", "imported_second"):
        sys.modules.pop(name, None)
    got: list[int] = []
    together(*[lambda: got.append(importlib.import_module("imported_first").VALUE)] * 2)
    assert got == [45, 45]


@pytest.mark.race(interleavings=15)
def test_logging(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    together(*[lambda: logging.getLogger("robust").info("hello")] * 2)
    assert caplog.messages == ["hello", "hello"]


@pytest.mark.race(interleavings=15)
def test_printing(capsys: pytest.CaptureFixture[str]) -> None:
    together(lambda: print("a"), lambda: print("b"))
    assert sorted(capsys.readouterr().out.split()) == ["a", "b"]


@pytest.mark.race(interleavings=15)
def test_catching_warnings() -> None:
    lock = threading.Lock()
    caught: list[int] = []

    def warn() -> None:
        with lock, warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            warnings.warn("careful", stacklevel=1)
            caught.append(len(seen))

    together(warn, warn)
    assert caught == [1, 1]


@pytest.mark.race(interleavings=15)
def test_catching_warnings_in_disorder() -> None:
    def ignore() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            nothing()

    together(ignore, ignore)


def test_filters_are_what_they_were() -> None:
    assert warnings.filters[-len(FILTERS) :] == FILTERS
    assert not any(action == "ignore" and category is Warning for action, _, category, _, _ in warnings.filters)


@pytest.mark.race(interleavings=15)
def test_context_variables() -> None:
    VARIABLE.set(7)
    right: list[bool] = []

    def use(value: int) -> None:
        VARIABLE.set(value)
        contextvars.copy_context().run(VARIABLE.set, 99)
        right.append(VARIABLE.get() == value)

    together(lambda: use(1), lambda: use(2))
    assert right == [True, True]
    assert VARIABLE.get() == 7


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: names.append(args.exc_type.__name__))
    return names


@pytest.mark.race(interleavings=15)
def test_excepthook(seen: list[str]) -> None:
    together(lambda: 1 // 0, lambda: vars()["no"])
    assert sorted(seen) == ["KeyError", "ZeroDivisionError"]


@contextlib.contextmanager
def profiled() -> Iterator[None]:
    sys.setprofile(lambda *_: None)
    try:
        yield
    finally:
        sys.setprofile(None)


@contextlib.contextmanager
def traced() -> Iterator[None]:
    def trace(*_: object) -> Any:
        return trace

    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(None)


@contextlib.contextmanager
def monitored() -> Iterator[None]:
    if sys.version_info < (3, 12):
        yield
        return
    monitoring = sys.monitoring
    events = monitoring.events.CALL | monitoring.events.LINE | monitoring.events.INSTRUCTION
    monitoring.use_tool_id(2, "of the test")
    for event in (monitoring.events.CALL, monitoring.events.LINE, monitoring.events.INSTRUCTION):
        monitoring.register_callback(2, event, lambda *_: monitoring.DISABLE)
    monitoring.set_events(2, events)
    try:
        yield
    finally:
        monitoring.set_events(2, 0)
        monitoring.free_tool_id(2)


WATCHED = {function.__name__: function for function in (profiled, traced, monitored)}


@pytest.mark.race
@pytest.mark.parametrize("by", WATCHED)
def test_watched_all_the_time_bug(by: str) -> None:
    counter = Counter()
    with WATCHED[by]():
        together(counter.add, counter.add)
    assert counter.value == 2


@pytest.mark.race
@pytest.mark.parametrize("by", WATCHED)
@pytest.mark.parametrize("where", ["main", "thread"])
def test_watched_before_bug(by: str, where: str) -> None:
    counter = Counter()

    def add() -> None:
        if where == "thread" and threading.current_thread() is first:
            with WATCHED[by]():
                nothing()
        counter.value += 1

    if where == "main":
        with WATCHED[by]():
            nothing()
    first, second = threading.Thread(target=add), threading.Thread(target=add)
    first.start()
    if where == "thread":
        second.start()
        second.join()
    else:
        counter.value += 1
    first.join()
    assert counter.value == 2


@FORKING
@pytest.mark.race(interleavings=5)
def test_fork() -> None:
    counter = Counter(threading.Lock())
    thread = threading.Thread(target=counter.add)
    thread.start()
    child = os.fork()
    if not child:
        status = 3
        try:
            lock = threading.Lock()
            with lock:
                time.sleep(0.001)
            together(nothing)
            status = 5
        finally:
            os._exit(status)
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5
    assert counter.value == 1


@FORKING
@pytest.mark.race(interleavings=5)
def test_fork_in_threads() -> None:
    statuses: list[int] = []

    def fork() -> None:
        child = os.fork()
        if not child:
            os._exit(4)
        statuses.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    together(fork, fork)
    assert statuses == [4, 4]


@pytest.mark.race(interleavings=15)
def test_timer_signals() -> None:
    ticks: list[int] = []
    counter = Counter(threading.Lock())
    before = signal.signal(signal.SIGALRM, lambda *_: ticks.append(counter.value))
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        together(*[lambda: [counter.add() for _ in range(3)]] * 2)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert counter.value == 6


def in_sqlite(counter: Counter) -> None:
    database = sqlite3.connect(":memory:")
    database.create_function("add_one", 1, counter.add)
    database.execute("select add_one(1)").fetchall()
    database.close()


def in_qsort(counter: Counter) -> None:
    numbers = (ctypes.c_int * 2)(2, 1)
    LIBC.qsort(numbers, 2, ctypes.sizeof(ctypes.c_int), COMPARE(counter.add))


def in_sorted(counter: Counter) -> None:
    assert sorted([3], key=counter.add) == [3]


CALLING = {function.__name__: function for function in (in_sqlite, in_qsort, in_sorted)}


@pytest.mark.race
@pytest.mark.parametrize("by", CALLING)
def test_called_back_bug(by: str) -> None:
    counter = Counter()
    together(*[lambda: CALLING[by](counter)] * 2)
    assert counter.value == 2


@pytest.mark.race(interleavings=15)
@pytest.mark.parametrize("by", CALLING)
def test_called_back(by: str) -> None:
    counter = Counter(threading.Lock())
    together(*[lambda: CALLING[by](counter)] * 2)
    assert counter.value == 2


@pytest.mark.race(interleavings=15)
def test_generator_handed_on() -> None:
    numbers = (number for number in range(4))
    lock = threading.Lock()
    got: list[int] = []

    def take() -> None:
        for _ in range(2):
            with lock:
                got.append(next(numbers))

    together(take, take)
    assert got == [0, 1, 2, 3]


@pytest.mark.race(interleavings=2)
def test_200_threads() -> None:
    counter = Counter(threading.Lock())
    together(*[counter.add] * 200)
    assert counter.value == 200


@pytest.mark.race(interleavings=3)
def test_recursion() -> None:
    reached: list[str] = []
    shared = SimpleNamespace(depth=0)

    def deeper(depth: int) -> None:
        shared.depth = depth
        deeper(depth + 1)

    def dive() -> None:
        try:
            deeper(0)
        except RecursionError:
            reached.append("the limit")

    together(dive, dive)
    assert reached == ["the limit"] * 2


@pytest.mark.race(interleavings=15)
def test_memory_error_caught() -> None:
    caught: list[str] = []

    def ask() -> None:
        try:
            bytearray(1 << 62)
        except MemoryError:
            caught.append("too much")

    together(ask, ask)
    assert len(caught) == 2


def raising(error: type[BaseException]) -> Callable[[], None]:
    def go() -> None:
        raise error("planted")

    return go


@pytest.mark.race
@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])
def test_raised_in_thread(error: type[BaseException]) -> None:
    together(raising(error), nothing)


@pytest.mark.race(interleavings=15)
def test_keyboard_interrupt_caught() -> None:
    thread = threading.Thread(target=nothing)
    thread.start()
    with contextlib.suppress(KeyboardInterrupt):
        raise KeyboardInterrupt
    thread.join()


def test_the_session_goes_on() -> None:
    assert sys.getprofile() is None
    assert not [
        thread for thread in threading.enumerate() if thread.name.startswith("Thread-") and thread.daemon is False
    ]
