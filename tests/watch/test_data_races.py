"""Data races as such: which accesses race, what it takes to fail on them, and how that is told."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from pytest_racecheck.engine import current, real
from pytest_racecheck.engine.errors import DataRaceFailure

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Engine


class Box:
    shared = 0

    def __init__(self) -> None:
        self.value = 0
        self.flag = False
        self.items: list[Any] = []
        self.table: dict[str, Any] = {"a": 0, "b": 0}
        self.lock = threading.RLock()


def together(*functions: Callable[[], object]) -> None:
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def write_and_read() -> None:
    box = Box()
    together(lambda: setattr(box, "other", 1), lambda: box.value)


def attribute() -> None:
    box = Box()

    def write() -> None:
        box.value = 1

    together(write, write)


def same_item() -> None:
    box = Box()

    def write() -> None:
        box.table["a"] = 1

    def read() -> None:
        box.table.get("a")

    together(write, read)


def class_attribute_through_an_instance() -> None:
    box = Box()

    def write() -> None:
        Box.shared = 1

    def read() -> None:
        assert box.shared in (0, 1)

    together(write, read)


def lock_at_one_of_them() -> None:
    box = Box()

    def guarded() -> None:
        with box.lock:
            box.value = 1

    def bare() -> None:
        box.value = 2

    together(guarded, bare)


def ordered_by_sleep_alone() -> None:
    import time

    box = Box()

    def write() -> None:
        box.value = 1

    def read() -> None:
        time.sleep(1)
        assert box.value == 1

    together(write, read)


RACES = [
    (attribute, "Box.value"),
    (same_item, "box.table['a']"),
    (class_attribute_through_an_instance, "Box.shared"),
    (lock_at_one_of_them, "Box.value"),
    (ordered_by_sleep_alone, "Box.value"),
]


@pytest.mark.parametrize(("body", "resource"), RACES, ids=lambda each: getattr(each, "__name__", ""))
def test_unordered_accesses_fail_the_test_if_it_is_to_fail_on_them(
    engine: Engine, body: Callable[[], None], resource: str
) -> None:
    explored = engine.explore(body, interleavings=15, fail_on=("data-race",))
    assert explored.verdict == "race"
    assert isinstance(explored.error, DataRaceFailure)
    assert explored.failure.finding == "data-race"
    assert explored.result.findings[0].resource == resource
    assert explored.failure.reproduced == (10, 10)
    # Of an attribute that the instance has from its class, the report knows no more than the finding does.
    assert len(explored.failure.clash) == (0 if body is class_attribute_through_an_instance else 2)
    replayed = engine.explore(body, replay=explored.failure.token, fail_on=("data-race",))
    assert (replayed.verdict, str(replayed.error)) == ("race", str(explored.error))


def with_lock() -> None:
    box = Box()

    def change() -> None:
        with box.lock, box.lock:
            box.value += 1

    together(change, change)


def start_and_join() -> None:
    box = Box()

    def change() -> None:
        box.value += 1

    together(change)
    assert box.value == 1
    together(change)


def queue_handover() -> None:
    boxes: queue.Queue[Box] = queue.Queue()

    def produce() -> None:
        box = Box()
        box.value = 1
        boxes.put(box)

    def consume() -> None:
        box = boxes.get()
        assert box.value == 1

    together(produce, consume)


def deque_handover() -> None:
    boxes: deque[Box] = deque()

    def produce() -> None:
        box = Box()
        box.value = 1
        boxes.append(box)

    def consume() -> None:
        with contextlib.suppress(IndexError):
            box = boxes.popleft()
            assert box.value == 1

    together(produce, consume)


def event() -> None:
    box, done = Box(), threading.Event()

    def write() -> None:
        box.value = 1
        done.set()

    def read() -> None:
        done.wait()
        assert box.value == 1

    together(write, read)


def condition() -> None:
    box, changed = Box(), threading.Condition()

    def write() -> None:
        with changed:
            box.value = 1
            changed.notify()

    def read() -> None:
        with changed:
            changed.wait_for(lambda: box.value)

    together(write, read)


def barrier() -> None:
    box, both = Box(), threading.Barrier(2)

    def write() -> None:
        box.value = 1
        both.wait()

    def read() -> None:
        both.wait()
        assert box.value == 1

    together(write, read)


def future() -> None:
    box = Box()

    def write() -> None:
        box.value = 1

    with ThreadPoolExecutor(2) as pool:
        pool.submit(write).result()
        assert box.value == 1


def is_alive() -> None:
    box = Box()

    def write() -> None:
        box.value = 1

    thread = threading.Thread(target=write)
    thread.start()
    if not thread.is_alive():
        assert box.value == 1
    thread.join()


def two_appends() -> None:
    box = Box()
    together(lambda: box.items.append(1), lambda: box.items.append(2), lambda: len(box.items))


def atomic_operations_on_an_item() -> None:
    box = Box()
    together(lambda: box.table.setdefault("c", 1), lambda: box.table.pop("c", None))


def two_items() -> None:
    box = Box()

    def one() -> None:
        box.table["a"] = box.table["a"] + 1

    def other() -> None:
        box.table["b"] = box.table["b"] + 1

    together(one, other)


def each_call_has_its_own_variable() -> None:
    def work() -> None:
        count = 0

        def add() -> None:
            nonlocal count
            count += 1

        add()

    together(work, work)


def readers_only() -> None:
    box = Box()
    together(lambda: box.value, lambda: box.value)


class Local:
    """Every thread has values of its own."""

    def __init__(self) -> None:
        vars(self)["values"] = {}

    def __setattr__(self, name: str, value: object) -> None:
        vars(self)["values"][threading.get_ident()] = value

    def __getattr__(self, name: str) -> object:
        return vars(self)["values"][threading.get_ident()]


def attributes_that_are_no_memory() -> None:
    local = Local()

    def work() -> None:
        local.name = 1
        assert local.name == 1

    together(work, work)


def published_by_a_look_at_an_event() -> None:
    box = Box()
    ready = threading.Event()

    def publish() -> None:
        box.value = 1
        ready.set()

    def look() -> None:
        if ready.is_set():
            assert box.value == 1

    together(publish, look)


def told_to_stop_by_an_event() -> None:
    box = Box()
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            time.sleep(1)
        assert box.value == 1

    thread = threading.Thread(target=work)
    thread.start()
    box.value = 1
    stop.set()
    thread.join()


def objects_of_their_own_that_calls_return() -> None:
    """Of what a call returns only the attribute's name is known."""
    boxes = [Box(), Box()]

    def box_of(number: int) -> Box:
        return boxes[number]

    def work(number: int) -> None:
        boxes[number].value = 1
        box_of(number).value += 1

    together(lambda: work(0), lambda: work(1))


CLEAN = [
    attributes_that_are_no_memory,
    *(published_by_a_look_at_an_event, told_to_stop_by_an_event, objects_of_their_own_that_calls_return),
    *(write_and_read, with_lock, start_and_join, queue_handover, deque_handover, event, condition, barrier, future),
    *(is_alive, two_appends, atomic_operations_on_an_item, two_items, each_call_has_its_own_variable, readers_only),
]


@pytest.mark.parametrize("body", CLEAN)
def test_what_is_ordered_or_atomic_is_no_race(engine: Engine, body: Callable[[], None]) -> None:
    explored = engine.explore(body, interleavings=25, fail_on=("data-race",))
    assert explored.error is None
    assert [finding for finding in explored.result.findings if not finding.harmless] == []


def test_a_flag_is_a_note(engine: Engine) -> None:
    def body() -> None:
        box = Box()

        def stop() -> None:
            box.flag = True

        def look() -> None:
            assert box.flag in (True, False)

        together(stop, look)

    explored = engine.explore(body, fail_on=("data-race",))
    assert explored.error is None
    assert [(found.resource, bool(found.harmless)) for found in explored.result.findings] == [("Box.flag", True)]


def test_a_flag_that_two_threads_set_is_a_race(engine: Engine) -> None:
    def body() -> None:
        box = Box()

        def stop() -> None:
            box.flag = True

        together(stop, stop)

    assert engine.explore(body, fail_on=("data-race",)).verdict == "race"


def test_without_fail_on_they_are_only_told(engine: Engine) -> None:
    explored = engine.explore(attribute)
    (finding,) = explored.result.findings
    assert explored.error is None
    assert explored.result.warnings == []
    line = attribute.__code__.co_firstlineno + 4
    assert [(site.thread, site.operation, site.line, site.source) for site in finding.sites] == [
        ("T1", "write", line, "box.value"),
        ("T2", "write", line, "box.value"),
    ]
    assert finding.sites[0].function.endswith("write")
    assert finding.text.startswith(f"data race on Box.value: T1 writes it at test_data_races.py:{line}, T2 writes it")


def test_a_check_of_the_test_that_fails_comes_first(engine: Engine) -> None:
    def body() -> None:
        box = Box()

        def add() -> None:
            box.value += 1

        together(add, add)
        assert box.value == 2

    explored = engine.explore(body, fail_on=("data-race",))
    assert isinstance(explored.error, AssertionError)
    assert explored.failure.finding is None
    assert explored.failure.data_races


def test_a_race_that_only_some_interleavings_show_is_replayed_where_it_shows(engine: Engine) -> None:
    def body() -> None:
        box = Box()

        def first() -> None:
            box.value = 1
            with box.lock:
                box.flag = True

        def second() -> None:
            with box.lock:
                ready = box.flag
            if not ready:
                return
            box.items.append(box.value)

        def late() -> None:
            with box.lock:
                known = box.flag
            if not known:
                box.value = 3

        together(first, second, late)

    explored = engine.explore(body, interleavings=60, fail_on=("data-race",))
    assert explored.verdict == "race"
    assert explored.result.first_failure
    assert explored.failure.preemptions or explored.failure.token
    again = engine.explore(body, replay=explored.failure.token, fail_on=("data-race",))
    assert str(again.error) == str(explored.error)


def test_a_pair_of_places_is_told_once_whichever_comes_first(engine: Engine) -> None:
    explored = engine.explore(same_item, watch=True)
    assert explored.result.interleavings > 1
    assert len(explored.result.findings) == 1


def test_what_is_suppressed_does_not_fail(engine: Engine) -> None:
    line = "data-race:test_data_races.py:* attribute.*Box.value"
    explored = engine.explore(attribute, fail_on=("data-race",), suppressions=("leak:attribute", line))
    assert explored.error is None
    assert [finding.suppressed for finding in explored.result.findings] == [line]


def test_a_thread_outside_of_control_may_order_others(engine: Engine) -> None:
    def body() -> None:
        box = Box()
        gate = real.allocate_lock()
        gate.acquire()

        def write() -> None:
            box.value = 1
            gate.release()

        def read() -> None:
            me = current.thread
            assert me is not None
            with me.scheduler.external.blocking(me, "a gate that nobody knows"):
                gate.acquire()
            assert box.value == 1

        together(write, read)

    explored = engine.explore(body, interleavings=5, fail_on=("data-race",))
    assert explored.error is None
    assert explored.result.findings == []
