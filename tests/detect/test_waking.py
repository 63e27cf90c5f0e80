"""Threads that wait for ever: what became of the notifications, and what to do about it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from pytest_racecheck.report.text import render_failure

if TYPE_CHECKING:
    from tests.conftest import Engine


class Mailbox:
    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.letters: list[int] = []

    def put(self, letter: int) -> None:
        self.letters.append(letter)
        with self.changed:
            self.changed.notify()

    def put_and_tell_of_the_first(self, letter: int) -> None:
        with self.changed:
            self.letters.append(letter)
            if len(self.letters) == 1:
                self.changed.notify()

    def look_and_wait(self) -> None:
        if not self.letters:
            with self.changed:
                self.changed.wait()

    def take(self) -> None:
        with self.changed:
            while not self.letters:
                self.changed.wait()
            self.letters.pop()

    def wait(self) -> None:
        with self.changed:
            self.changed.wait()

    def tell(self) -> None:
        with self.changed:
            self.changed.notify_all()

    def tell_if_there_is_anything(self) -> None:
        with self.changed:
            if self.letters:
                self.changed.notify_all()


def test_a_notification_before_the_wait_is_told_of_as_such(engine: Engine) -> None:
    def body() -> None:
        box = Mailbox()
        engine.together(box.look_and_wait, lambda: box.put(1))

    found = engine.explore(body)
    failure = found.failure
    assert failure.cause == "lost wake-up"
    told = [(step.thread, step.resource, step.after) for step in failure.steps if step.operation == "notify"]
    assert told == [("T2", "box.changed", "nobody waits")]
    assert "T2 changed it at" in failure.details[0]
    assert failure.details[0].endswith(", when nobody waited yet.")
    assert "notify changed: nobody waits" in render_failure(found.result, 120)
    assert [advice.partition(" from ")[0] for advice in failure.advice] == ["Hold box.changed"]


def test_one_notification_for_two_that_wait(engine: Engine) -> None:
    def body() -> None:
        box = Mailbox()

        def put_two() -> None:
            box.put_and_tell_of_the_first(1)
            box.put_and_tell_of_the_first(2)

        engine.together(box.take, box.take, put_two)

    found = engine.explore(body, interleavings=200)
    failure = found.failure
    assert failure.cause == "lost wake-up"
    assert failure.details[0].endswith(", and nobody woke T2.")
    assert [step.after for step in failure.steps if step.operation == "notify"] == ["wakes T1"]
    lanes = render_failure(found.result, 200)
    assert "append letters: [1] → [1, 2]" in lanes
    assert "notify changed: wakes T1" in lanes
    assert failure.advice == [], "both are under the lock"


def test_two_that_wait_for_the_one_letter_there_is_have_lost_none(engine: Engine) -> None:
    def body() -> None:
        box = Mailbox()
        engine.together(box.take, box.take, lambda: box.put_and_tell_of_the_first(1))

    failure = engine.explore(body).failure
    assert failure.cause == "notification that never comes"


@pytest.mark.parametrize(
    ("tell", "cause"), [("tell", "lost wake-up"), ("tell_if_there_is_anything", "notification that never comes")]
)
def test_a_wait_that_no_look_decided_on(engine: Engine, tell: str, cause: str) -> None:
    def body() -> None:
        box = Mailbox()
        engine.together(getattr(box, tell), box.wait)

    failure = engine.explore(body).failure
    assert failure.cause == cause
    assert ("T2 came to wait only afterwards" in " ".join(failure.details)) == (cause == "lost wake-up")


def test_the_order_of_events_is_the_same_as_ever(engine: Engine) -> None:
    """What is told as a notification still orders what comes before it and after it."""

    def body() -> None:
        box = Mailbox()
        never = threading.Event()

        def put() -> None:
            with box.changed:
                box.letters.append(1)
                box.changed.notify()

        def take_and_wait() -> None:
            box.take()
            never.wait()

        engine.together(take_and_wait, put)

    failure = engine.explore(body).failure
    assert failure.cause == "event that is never set"
    assert failure.data_races == []
