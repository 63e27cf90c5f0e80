"""Where a switch does its harm anywhere between two places, it is shown at the one that says most."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from pytest_racecheck.shrink.rearrange import with_switch_after

if TYPE_CHECKING:
    from pytest_racecheck.engine.schedule import Choice, Schedule
    from pytest_racecheck.report.model import Failure
    from tests.conftest import Engine


class Shop:
    def __init__(self) -> None:
        self.left = 1
        self.sold = 0
        self.names: list[str] = []
        self.lock: object = None

    def buy(self) -> None:
        if self.left > 0:
            self.names.append("it")
            self.left -= 1

    def buy_checked_before(self) -> None:
        left = self.left
        if left > 0:
            self.names.append("it")
            self.left -= 1

    def count(self) -> None:
        sold = self.sold
        self.names.append("it")
        self.sold = sold + 1

    def make(self) -> None:
        if self.lock is None:
            self.names.append("made")
            self.lock = threading.Lock()


def told(engine: Engine, function: str, check: Callable[[Shop], bool], **settings: Any) -> Failure:
    """The failure of two threads that call a method, with which ``check`` does not hold afterwards."""

    def body() -> None:
        shop = Shop()
        engine.together(getattr(shop, function), getattr(shop, function))
        assert check(shop)

    return engine.explore(body, interleavings=100, **settings).failure


@pytest.mark.parametrize(
    ("function", "check", "cause", "before"),
    [
        ("buy", lambda shop: len(shop.names) == 1, "check-then-act", "self.names.append"),
        ("buy_checked_before", lambda shop: len(shop.names) == 1, "check-then-act", "self.names.append"),
        ("count", lambda shop: shop.sold == 2, "lost update", "self.names.append"),
        ("make", lambda shop: len(shop.names) == 1, "double initialisation", "self.names.append"),
    ],
)
@pytest.mark.parametrize("strategy", ["auto", "random"])
def test_the_switch_stands_right_after_the_look(
    engine: Engine, function: str, check: Callable[[Shop], bool], cause: str, before: str, strategy: str
) -> None:
    failure = told(engine, function, check, strategy=strategy)
    assert failure.cause == cause
    assert [each.source.partition("(")[0] for each in failure.preemptions] == [before]
    assert failure.reproduced == (10, 10)


def test_an_update_that_is_lost_is_told_where_nothing_was_checked(engine: Engine) -> None:
    def body() -> None:
        shop = Shop()

        def sell() -> None:
            shop.names.append("it")
            shop.left -= 1

        engine.together(sell, sell)
        assert shop.left == -1

    failure = engine.explore(body).failure
    assert failure.cause == "lost update"
    assert [(each.thread, each.source) for each in failure.preemptions] == [("T1", "shop.left")]


def test_the_switch_stays_where_an_earlier_one_does_no_harm(engine: Engine) -> None:
    """Right after the check, the others find that nothing was begun yet, and leave it alone."""

    class Job:
        def __init__(self) -> None:
            self.begun = self.taken = False
            self.done = 0

    def body() -> None:
        job = Job()

        def first() -> None:
            if not job.taken:
                job.begun = True
                job.taken = True
                job.done += 1

        def second() -> None:
            if job.begun and not job.taken:
                job.taken = True
                job.done += 1

        engine.together(first, second)
        assert job.done < 2

    failure = engine.explore(body).failure
    assert [each.source for each in failure.preemptions] == ["job.taken"]


def test_what_was_handed_out_half_made_is_taken_at_once(engine: Engine) -> None:
    def body() -> None:
        table: dict[str, dict[int, int]] = {}
        failed: list[BaseException] = []

        def make() -> None:
            table["squares"] = made = {}
            made[1] = 1
            made[2] = 4
            made[3] = 9

        def use() -> None:
            found = table.get("squares")
            if found is not None:
                failed.append(found[3])  # type: ignore[arg-type]

        engine.together(make, use)

    failure = engine.explore(body, interleavings=100).failure
    assert failure.cause == "order violation"
    assert [each.source for each in failure.preemptions] == ["made[1]"]


CHOICES: list[Choice] = [("0.1", 2, True, ("0.2",)), ("0.1", 4, True, ("0.2", "0.3")), ("0.1", 6, True, ("0.2", "0.3"))]


@pytest.mark.parametrize(
    ("schedule", "ops", "moved"),
    [
        ((("0.1", 6, "0.2"),), 1, (("0.1", 2, "0.2"),)),
        ((("0.1", 6, "0.2"),), 2, (("0.1", 4, "0.2"),)),
        ((("0.1", 6, "0.3"),), 1, (("0.1", 4, "0.3"),)),  # at 2, nobody of that name could have gone on
        ((("0.1", 2, "0.2"), ("0.1", 6, "0.2")), 3, (("0.1", 2, "0.2"), ("0.1", 4, "0.2"))),
        ((("0.1", 6, "0.4"),), 1, None),
        ((("0.1", 2, "0.2"),), 3, None),
        ((("0.2", 6, "0.1"),), 1, None),
    ],
)
def test_the_next_switch_of_a_thread_moves(schedule: Schedule, ops: int, moved: Schedule | None) -> None:
    assert with_switch_after(schedule, CHOICES, "0.1", ops) == moved
