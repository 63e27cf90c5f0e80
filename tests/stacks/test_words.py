"""What a thread does, in a few words."""

from __future__ import annotations

from typing import Any

from pytest_racecheck.engine import external
from pytest_racecheck.stacks.words import state_of


def thread(*frames: tuple[str, str, int]) -> dict[str, Any]:
    shown = [{"name": name, "filename": file, "line": line} for name, file, line in frames]
    return {"frames": shown, "active": False, "owns_gil": False}


def test_a_look_round_of_the_scheduler_is_not_what_the_thread_does() -> None:
    native, user = ("select_poll_poll_impl", "selectmodule.c", 0), ("spin", "test_it.py", 3)
    assert state_of(thread(native, ("External.settle", external.__file__, 9), user)) == "computing"
    assert state_of(thread(native, user)) == "in poll"
