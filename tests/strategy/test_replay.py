"""Replay: a schedule of this process, or a token, is followed where it can be; all else as in the serial schedule."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_racecheck.strategy.random_walk import RandomWalk
from pytest_racecheck.strategy.replay import LateReplay, Replay, TokenReplay, Tracking
from pytest_racecheck.strategy.serial import Serial
from tests.strategy.players import make_ready, make_threads, play

if TYPE_CHECKING:
    from pytest_racecheck.engine.schedule import Mark
    from pytest_racecheck.engine.thread import ControlledThread

LENGTHS = st.lists(st.integers(1, 5), min_size=1, max_size=4)


class Marks:
    """In place of a recording: names an operation by its thread and its number."""

    def mark(self, thread: ControlledThread) -> Mark:
        return mark(thread.path, thread.ops)


def mark(path: str, ops: int) -> Mark:
    return (path, "read", "test_it.py", "work", f"operation {ops}", 1)


def token_replay(*schedule: tuple[str, int, str]) -> TokenReplay:
    return TokenReplay([(mark(path, ops), target) for path, ops, target in schedule], cast("Any", Marks()))


@given(LENGTHS)
def test_the_empty_schedule_is_the_serial_one(lengths: list[int]) -> None:
    serial = play(Serial(), *lengths)
    assert play(Replay(()), *lengths) == play(token_replay(), *lengths) == serial


@given(LENGTHS, st.integers(0, 1_000))
def test_a_schedule_gives_the_same_run_again(lengths: list[int], seed: int) -> None:
    seen = play(RandomWalk(random.Random(seed)), *lengths)
    assert play(Replay(seen.schedule), *lengths) == seen
    assert play(Tracking(seen.schedule), *lengths) == seen
    assert play(token_replay(*seen.schedule), *lengths) == seen


@pytest.mark.parametrize("make", [Replay, Tracking, lambda schedule: token_replay(*schedule)])
def test_it_deviates_where_it_is_told_to_and_nowhere_else(make: Any) -> None:
    assert play(make((("0", 3, "0.2"),)), 4, 2, 2).order == "AACCAABB"


@pytest.mark.parametrize("make", [Replay, Tracking, lambda schedule: token_replay(*schedule)])
def test_a_thread_that_can_not_go_on_is_passed_over(make: Any) -> None:
    assert play(make((("0", 3, "0.9"), ("0", 9, "0.1"))), 4, 2, 2).order == "AAAABBCC"


@pytest.mark.parametrize("make", [Replay, Tracking, lambda schedule: token_replay(*schedule)])
def test_a_sleep_is_no_reason_to_switch_unless_the_schedule_says_so(make: Any) -> None:
    replay = make((("0.1", 2, "0"),))
    main, other = make_threads(2)
    main.scheduler = other.scheduler = SimpleNamespace(ready=make_ready([main, other]))  # type: ignore[assignment]
    answers = []
    for ops in (1, 2, 3):
        main.ops = other.ops = ops
        answers += [replay.naps(main), replay.naps(other)]
    assert answers == [True, True, True, False, True, True]


def test_the_passed_choices_are_noted() -> None:
    tracking = Tracking((("0", 2, "0.2"),))
    play(tracking, 2, 1, 1)
    assert tracking.choices == [
        ("0", 1, True, ("0.1", "0.2")),
        ("0", 2, True, ("0.1", "0.2")),
        ("0.2", 1, False, ("0", "0.1")),
    ]


def test_a_sleep_that_is_passed_is_a_choice_too() -> None:
    threads = make_threads(3)
    threads[1].scheduler = SimpleNamespace(ready=make_ready(threads))  # type: ignore[assignment]
    tracking = Tracking((("0.1", 2, "0"),))
    for threads[1].ops in (1, 2):
        tracking.naps(threads[1])
    assert tracking.choices == [("0.1", 1, False, ("0", "0.2"))], "the second one is told when somebody is chosen"


@pytest.mark.parametrize(
    ("deviations", "order"),
    [
        ([(1, "0.1")], "BBAAAA"),
        ([(2, "0.1")], "ABBAAA"),
        ([(2, "0.1"), (2, "0.1")], "ABBAAA"),
        ([(9, "0.1")], "AAAABB"),
    ],
)
def test_a_late_replay_deviates_where_it_can(deviations: list[tuple[int, str]], order: str) -> None:
    assert play(LateReplay(tuple(("0", ops, target) for ops, target in deviations)), 4, 2).order == order


def test_a_late_replay_makes_one_deviation_at_a_time() -> None:
    main, other = make_threads(2)
    ready = make_ready([main, other])
    replay = LateReplay((("0", 2, "0.1"), ("0", 3, "0.1"), ("0", 9, "0.1")))
    chosen = []
    for main.ops in (1, 5, 6, 7, 12):  # what is in between is no choice
        chosen.append(replay.choose(ready, main, True).path)
    assert chosen == ["0", "0.1", "0.1", "0", "0.1"]


def test_choices_do_not_depend_on_the_order_in_which_threads_were_enabled() -> None:
    threads = make_threads(4)
    noted = []
    for order in (threads, threads[::-1]):
        tracking = Tracking(())
        tracking.choose(make_ready(order), threads[1], True)
        noted.append(tracking.choices)
    assert noted[0] == noted[1] == [("0.1", 0, True, ("0", "0.2", "0.3"))]


def test_a_token_that_was_followed_to_its_end_has_nothing_left() -> None:
    replay = token_replay(("0", 2, "0.1"), ("0.1", 1, "0"))
    play(replay, 3, 3)
    assert replay.left is None
    assert replay.unused == {}


def test_a_token_whose_thread_is_missing_left_its_track_there() -> None:
    replay = token_replay(("0", 2, "0.8"), ("0", 3, "0.9"), ("0", 4, "0.1"))
    assert play(replay, 5, 3).order == "AAABBBAA"
    assert replay.left == mark("0", 2), "the first such place counts"
    assert replay.unused == {}


def test_places_that_were_never_reached_are_unused() -> None:
    replay = token_replay(("0", 2, "0.1"), ("0.1", 7, "0"))
    play(replay, 5, 3)
    assert replay.left is None
    assert list(replay.unused) == [mark("0.1", 7)]


def test_what_comes_by_itself_is_no_track_to_leave() -> None:
    """A token names all switches of its run, also those that no schedule decides."""
    replay = token_replay(("0.1", 2, "0"))
    _, thread = make_threads(2)
    thread.ops = 2
    replay.gave_way(thread)
    assert replay.forced == {("0.1", 2)}
    assert replay.unused == {}
