"""How much of a run the lanes tell unless more is asked for."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pytest_racecheck.report.text import render_failure

if TYPE_CHECKING:
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
