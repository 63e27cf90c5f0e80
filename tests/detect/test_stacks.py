"""Which frames count as the reader's code."""

from __future__ import annotations

import os
import queue
import sys
import threading
from pathlib import Path

import pytest

import pytest_racecheck.engine
from pytest_racecheck.detect.stacks import MAX_FRAMES, library_frames, library_name, local, report_stack, user_frames
from pytest_racecheck.tutorial import bank


def test_user_frames_end_where_pytest_begins() -> None:
    def inner() -> list[str]:
        return [frame.f_code.co_name for frame in user_frames(sys._getframe())]

    assert inner() == ["inner", "test_user_frames_end_where_pytest_begins"]


def test_report_stack_runs_from_the_outermost_frame_inwards() -> None:
    def inner() -> list[tuple[str, str]]:
        return [(each.function, each.source) for each in report_stack(sys._getframe())]

    name = "test_report_stack_runs_from_the_outermost_frame_inwards"
    frames = inner()
    assert [function for function, _ in frames] == [name, f"{name}.<locals>.inner"]
    assert frames[0][1] == "frames = inner()"


def test_deep_recursion_shows_the_innermost_calls() -> None:
    def down(depth: int) -> int:
        return down(depth - 1) if depth else len(report_stack(sys._getframe()))

    assert down(50) == MAX_FRAMES


def test_callbacks_of_the_library_lie_between_user_frames() -> None:
    class Key:
        def __init__(self) -> None:
            self.names: list[str] = []

        def __lt__(self, other: Key) -> bool:
            self.names = [frame.f_code.co_name for frame in user_frames(sys._getframe())]
            assert library_frames(sys._getframe()) == []
            return True

    jobs: queue.PriorityQueue[Key] = queue.PriorityQueue()
    first, second = Key(), Key()
    jobs.put(first)
    jobs.put(second)
    names = first.names or second.names
    assert names == ["__lt__", "test_callbacks_of_the_library_lie_between_user_frames"]


def test_a_thread_without_user_code_shows_the_library() -> None:
    event = threading.Event()
    thread = threading.Thread(target=event.wait)
    thread.start()
    try:
        assert user_frames(sys._current_frames()[thread.ident or 0]) == []
        assert [each.function for each in report_stack(sys._current_frames()[thread.ident or 0])] == ["Event.wait"]
    finally:
        event.set()
        thread.join()


@pytest.mark.parametrize(
    ("file", "name"),
    [
        (threading.__file__, "threading.py"),
        (queue.Queue.get.__code__.co_filename, "queue.py"),
        ("<frozen importlib._bootstrap>", "<frozen importlib._bootstrap>"),
        (str(Path(os.__file__).parent / "site-packages" / "lib" / "a.py"), None),
        (__file__, None),
        ("<string>", None),
        (bank.__file__, None),
    ],
)
def test_library_name(file: str, name: str | None) -> None:
    assert library_name(file) == name


def test_our_own_frames_are_no_user_frames_but_the_tutorial_is() -> None:
    def names(file: str) -> list[str]:
        space = {"user_frames": user_frames, "sys": sys, "__name__": "whatever"}
        exec(compile("def f():\n    return user_frames(sys._getframe())", file, "exec"), space)
        return [frame.f_code.co_name for frame in space["f"]()]  # type: ignore[operator]

    engine = str(Path(pytest_racecheck.engine.__file__).parent / "scheduler.py")
    assert names(engine)[0] == "names"
    assert names(bank.__file__)[:2] == ["f", "names"]


def test_local() -> None:
    present = 1
    assert local(sys._getframe(), "present") == present
    assert local(sys._getframe(), "absent") is None


def test_namespace_of_a_class_body_is_not_touched() -> None:
    class Body:
        here = 1
        found = local(sys._getframe(), "here")

    assert Body.found is None
