"""How much of a run the lanes tell unless more is asked for."""

from __future__ import annotations

import functools
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from pytest_racecheck.report.text import render_failure, render_title

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Engine


class Stack:
    def __init__(self) -> None:
        self.items = [1]
        self.count = 1
        self.popped = 0

    def pop(self) -> object:
        if self.count == 0:
            return None
        self.count -= 1
        return self.items.pop()

    def pop_many(self) -> None:
        seen = self.count
        for _ in range(10):
            self.popped += 1
        self.count = seen - 1


def test_accesses_close_to_those_that_clash_are_told(engine: Engine) -> None:
    def body() -> None:
        stack = Stack()
        engine.together(stack.pop, stack.pop)

    lanes = render_failure(engine.explore(body).result, 120).partition("why:")[0]
    assert "pop items: [1] → []" in lanes
    assert "pop items: [] → []" in lanes
    assert "IndexError" in lanes


def test_unless_there_are_many(engine: Engine) -> None:
    def body() -> None:
        stack = Stack()
        engine.together(stack.pop_many, stack.pop_many)
        assert stack.count == -1

    lanes = render_failure(engine.explore(body, interleavings=100).result, 120).partition("why:")[0]
    assert "write count" in lanes
    assert "popped" not in lanes.replace("self.popped", "")


def test_the_name_of_a_thread_that_says_what_it_runs_is_enough(engine: Engine) -> None:
    def body() -> None:
        stack = Stack()

        def work() -> None:
            stack.pop()

        threads = [threading.Thread(target=work, name=name) for name in ("work-1", "other")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    titles = render_failure(engine.explore(body).result, 120).splitlines()[2]
    assert " ".join(titles.split()) == "T1 work-1 │ T2 other: work"


def lanes_of(engine: Engine, body: Callable[[], None], interleavings: int = 100) -> tuple[str, str]:
    """The lanes of the failure of ``body``, and what follows them, without its line breaks."""
    text = render_failure(engine.explore(body, interleavings=interleavings).result, 120)
    lanes, _, why = text.partition("\n\n")[2].partition("why: ")
    return lanes, " ".join(why.split())


def test_what_the_library_does_inside_is_no_part_of_the_story(engine: Engine) -> None:
    def body() -> None:
        counts: dict[str, int] = {}

        def count(words: str) -> None:
            for word in words:
                counts[word] = counts.get(word, 0) + 1

        with ThreadPoolExecutor(2) as pool:
            for words in ("ab", "bc"):
                pool.submit(count, words)
        assert counts["b"] == 2

    lanes, why = lanes_of(engine, body)
    assert why.startswith("lost update on counts['b']")
    assert "write counts['b']: 1 → 1" in lanes
    assert "_shutdown" not in lanes


class Crawler:
    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.fetched: list[str] = []

    def visit(self, url: str) -> None:
        if url in self.seen:
            return
        self.seen.add(url)
        self.fetched.append(url)


def test_what_one_did_in_between_the_other_one_is_seen_to_do_as_well(engine: Engine) -> None:
    def body() -> None:
        crawler = Crawler()
        engine.together(lambda: crawler.visit("x"), lambda: crawler.visit("x"))
        assert crawler.fetched == ["x"]

    lanes, why = lanes_of(engine, body)
    assert why.startswith("check-then-act on crawler.seen")
    assert lanes.count("look for 'x' in seen: missing") == 2
    assert "append fetched: ['x'] → ['x', 'x']" in lanes


class Service:
    def __init__(self) -> None:
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        self.answer = 1

    def run(self) -> None:
        self.answer += 1


def test_a_thread_that_was_started_too_early(engine: Engine) -> None:
    def body() -> None:
        Service().thread.join()

    lanes, why = lanes_of(engine, body)
    assert "self.thread.start()" in lanes
    assert "start Thread-" in lanes
    assert why.startswith("order violation on Service.answer")
    assert "main had started T1 at test_story_of_a_run.py:" in why


class Lazy:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.table: dict[int, int] | None = None

    def look_up(self) -> int:
        if self.table is None:
            with self.lock:
                if self.table is None:
                    self.table = {}
                    self.table[1] = 1
        return self.table[1]


def test_what_was_handed_out_half_made(engine: Engine) -> None:
    def body() -> None:
        lazy = Lazy()
        engine.together(lazy.look_up, lazy.look_up)

    lanes, why = lanes_of(engine, body)
    assert why.startswith("order violation on lazy.table[1] ")
    assert "T1 wrote lazy.table at" in why
    told = ["write table: None → {}", "read table: {}", "read table[1]: missing", "KeyError", "write table[1]"]
    assert sorted(told, key=lanes.index) == told


class Stats:
    def __init__(self) -> None:
        self.reading, self.writing = threading.Lock(), threading.Lock()
        self.total = 0

    def add(self) -> None:
        with self.writing:
            self.total += 1

    def reset(self) -> int:
        with self.reading:
            total = self.total
            self.total = 0
            return total


def test_two_locks_around_one_value_guard_nothing(engine: Engine) -> None:
    def body() -> None:
        stats = Stats()
        stats.add()
        seen: list[int] = []
        engine.together(stats.add, lambda: seen.append(stats.reset()))
        assert seen[0] + stats.total == 2

    lanes, why = lanes_of(engine, body)
    assert "main" not in lanes, "it only looked at what had come of it"
    assert "T1 holds stats.writing and T2 holds stats.reading, which are two locks and keep nobody out." in why
    assert "Use one lock for every access to stats.total." in why


class Pump:
    def __init__(self) -> None:
        self.closed = False
        self.taken: list[int] = []

    def submit(self) -> None:
        if self.closed:
            return
        self.taken.append(1)

    def close(self) -> list[int]:
        self.closed = True
        return list(self.taken)


def test_a_check_that_leaves_guards_what_comes_after_it(engine: Engine) -> None:
    def body() -> None:
        pump = Pump()
        kept: list[int] = []

        def close() -> None:
            kept.extend(pump.close())

        engine.together(pump.submit, close)
        assert kept == pump.taken

    assert lanes_of(engine, body)[1].startswith("check-then-act on pump.closed and pump.taken")


def test_one_generator_in_two_threads(engine: Engine) -> None:
    def numbers() -> Iterator[int]:
        number = 0
        while True:
            number += 1
            yield number

    def body() -> None:
        source = numbers()

        def take() -> None:
            next(source)

        engine.together(take, take)

    lanes, why = lanes_of(engine, body)
    assert lanes.count("next source") == 3
    assert "T2 resumed it at" in why
    assert "hold a lock around next()" in why


class Model:
    @functools.cached_property
    def weights(self) -> object:
        return object()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="holds a lock up to 3.11")
def test_a_cached_property_that_is_worked_out_twice(engine: Engine) -> None:
    def body() -> None:
        model = Model()
        seen: list[object] = []
        engine.together(lambda: seen.append(model.weights), lambda: seen.append(model.weights))
        assert seen[0] is seen[1]

    lanes, why = lanes_of(engine, body)
    assert why.startswith("double initialisation on model.weights")
    assert lanes.count("read weights: missing") == 2
    assert "update weights: missing → <object>" in lanes


class Meter:
    def __init__(self) -> None:
        self.value = self.whole = 0

    def count_for_a_while(self) -> int:
        turns = 0
        end = time.monotonic() + 0.01
        while time.monotonic() < end:
            self.value += 1
            turns += 1
        return turns


def test_loops_that_a_clock_ends_are_told_from_where_it_matters(engine: Engine) -> None:
    """Threads give way in them now and then, which is no preemption, and what came long before is not told."""

    def body() -> None:
        meter = Meter()
        turns: list[int] = []
        engine.together(*[lambda: turns.append(meter.count_for_a_while())] * 2)
        assert meter.value == sum(turns)

    explored = engine.explore(body, interleavings=100)
    assert "; 1 preemption is enough" in render_title(explored.result, 200)
    assert explored.failure.gave_way > 0
    assert len(explored.failure.preemptions) == explored.failure.gave_way + 1
    lanes = render_failure(explored.result, 120).partition("why: ")[0]
    assert lanes.count("↳ preempted") == 1
    assert "gives way → T" in lanes
    assert len(lanes.splitlines()) < 25


def test_a_look_in_the_next_turn_of_a_loop_is_no_act(engine: Engine) -> None:
    """What goes wrong is between two writes, which the one who looks and looks gets to see."""

    def body() -> None:
        meter = Meter()
        seen: list[tuple[int, int]] = []

        def write() -> None:
            for _ in range(3):
                meter.value += 1
                meter.whole += 1

        def look() -> None:
            for _ in range(3):
                if meter.value != meter.whole:
                    seen.append((meter.value, meter.whole))  # noqa: PERF401 - as people write it

        engine.together(write, look)
        assert not seen

    failure = engine.explore(body, interleavings=200).failure
    assert failure.cause == ""
    assert failure.clash_on == "meter.value and meter.whole"
    assert [access.operation for access in failure.clash][::3] == ["write", "write"]


class Connections:
    def __init__(self) -> None:
        self.left = threading.Semaphore(1)
        self.free = [1]

    def use(self) -> None:
        self.left.acquire()
        connection = self.free.pop()
        self.left.release()
        self.free.append(connection)


def test_by_what_threads_let_each_other_in_is_told(engine: Engine) -> None:
    def body() -> None:
        connections = Connections()
        engine.together(connections.use, connections.use)

    lanes, why = lanes_of(engine, body)
    told = ["pop free: [1] → []", "release left", "acquire left", "pop free: [] → []", "IndexError", "append free"]
    assert sorted(told, key=lanes.index) == told
    assert why.startswith("accesses on connections.free clash")
