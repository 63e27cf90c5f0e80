"""Queues behave as the originals do: outside a run, and inside one with another thread alive."""

from __future__ import annotations

import pickle
import queue
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from pytest_racecheck.engine import real
from pytest_racecheck.primitives.simple_queue import SimpleQueue

if TYPE_CHECKING:
    from tests.conftest import Engine


def attempt(function: Callable[[], object]) -> object:
    try:
        return function()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is compared
        return type(error)


def use_simple_queue(make: Callable[[], Any]) -> list[object]:
    items = make()
    found = [
        items.empty(),
        items.qsize(),
        attempt(items.get_nowait),
        attempt(lambda: items.get(False)),
        attempt(lambda: items.get(block=False, timeout=5)),
        attempt(lambda: items.get(timeout=0.01)),
        attempt(lambda: items.get(timeout=0)),
        attempt(lambda: items.get(timeout=-1)),
        attempt(lambda: items.get(timeout="soon")),
        attempt(lambda: items.get(True, threading.TIMEOUT_MAX * 2)),
        attempt(items.put),
        attempt(lambda: pickle.dumps(items)),
        items.put(1),
        items.put(2, False),
        items.put(3, block=True, timeout=-1),
        items.put_nowait(None),
        items.empty(),
        items.qsize(),
        items.get(),
        items.get(timeout=1),
        items.get(True, 1),
        items.get_nowait(),
        items.empty(),
        bool(items),
        weakref.ref(items)() is items,
        isinstance(items, queue.SimpleQueue) or make is real.SimpleQueue,
    ]
    with pytest.raises(TypeError):
        make(3)  # type: ignore[call-arg]
    return found


def test_a_simple_queue_outside_a_run_is_as_the_original() -> None:
    assert use_simple_queue(SimpleQueue) == use_simple_queue(real.SimpleQueue)


def test_a_simple_queue_in_a_run_is_as_the_original(engine: Engine) -> None:
    expected = use_simple_queue(real.SimpleQueue)

    def body() -> list[object]:
        done: queue.SimpleQueue[int] = queue.SimpleQueue()
        thread = threading.Thread(target=done.get)
        thread.start()
        try:
            return use_simple_queue(SimpleQueue)
        finally:
            done.put(0)
            thread.join()

    for found in engine.passes(body, interleavings=6):
        assert found == expected


def test_every_way_to_a_simple_queue_leads_to_the_stand_in() -> None:
    assert queue.SimpleQueue is SimpleQueue
    assert str(SimpleQueue[int]).endswith("SimpleQueue[int]")


@pytest.mark.parametrize("kind", [queue.Queue, queue.LifoQueue, queue.PriorityQueue, queue.SimpleQueue])
def test_what_is_put_is_got_once(engine: Engine, kind: type[queue.Queue[int]]) -> None:
    def body() -> list[int]:
        items = kind()
        got: list[int] = []

        def consume() -> None:
            for _ in range(2):
                got.append(items.get())  # noqa: PERF401 - one operation each

        engine.together(lambda: items.put(1) or items.put(2), lambda: items.put(3) or items.put(4), consume, consume)  # type: ignore[func-returns-value]
        assert items.empty()
        return got

    orders = engine.passes(body, interleavings=60, strategy="random")
    assert all(sorted(order) == [1, 2, 3, 4] for order in orders)
    assert len({tuple(order) for order in orders}) > 2


@pytest.mark.parametrize("kind", [queue.Queue, queue.LifoQueue, queue.PriorityQueue])
def test_a_full_queue_blocks_and_times_out(engine: Engine, kind: type[queue.Queue[int]]) -> None:
    def body() -> None:
        items = kind(1)
        items.put(5)
        with pytest.raises(queue.Full):
            items.put(6, timeout=3)
        with pytest.raises(queue.Full):
            items.put_nowait(6)
        got: list[int] = []
        engine.together(lambda: items.put(7), lambda: got.append(items.get()))
        assert [*got, items.get()] in ([5, 7], [7, 5])
        with pytest.raises(queue.Empty):
            items.get(timeout=3)

    engine.passes(body)


def test_queue_join_waits_for_task_done(engine: Engine) -> None:
    def body() -> None:
        items: queue.Queue[int] = queue.Queue()
        handled: list[int] = []

        def work() -> None:
            for _ in range(2):
                handled.append(items.get())
                items.task_done()

        thread = threading.Thread(target=work)
        thread.start()
        items.put(1)
        items.put(2)
        items.join()
        assert handled == [1, 2]
        thread.join()
        with pytest.raises(ValueError, match="called too many times"):
            items.task_done()

    engine.passes(body)


@pytest.mark.parametrize("kind", [queue.Queue, queue.SimpleQueue])
def test_a_timed_get_has_both_outcomes_only_if_the_clock_allows(engine: Engine, kind: type[queue.Queue[int]]) -> None:
    """The item comes when nothing else can run, at the very moment the time-out ends: either may be first."""

    def body() -> str:
        import time

        items = kind()
        thread = threading.Thread(target=lambda: time.sleep(1) or items.put(1))  # type: ignore[func-returns-value]
        thread.start()
        with pytest.raises(queue.Empty):
            items.get(timeout=0.5)
        try:
            items.get(timeout=0.5)
            found = "item"
        except queue.Empty:
            found = "too late"
        assert found == "item" or items.get(timeout=5) == 1
        thread.join()
        return found

    assert set(engine.passes(body, interleavings=60)) == {"item", "too late"}
