"""The happens-before order, and the data races that it leaves."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_racecheck.detect.data_races import data_races
from pytest_racecheck.detect.happens_before import order_of
from tests.detect.runs import event, numbered

if TYPE_CHECKING:
    from pytest_racecheck.detect.events import Event

LOCK, PLACE, OTHER = 1, 2, 3


def write(thread: str, place: int = PLACE, **more: Any) -> Event:
    return event(thread, "write", place, memory=True, **more)


def read(thread: str, place: int = PLACE, **more: Any) -> Event:
    return event(thread, "read", place, memory=True, **more)


def on_list(thread: str, kind: str, item: str | None = None) -> Event:
    return event(thread, kind, OTHER, memory=True, container=True, item=item)


def races(*events: Event) -> list[tuple[int, int]]:
    return [(first.n, second.n) for first, second in data_races(numbered(*events))]


def test_threads_without_synchronisation_are_unordered() -> None:
    events = numbered(write("T1"), write("T2"), write("T1"))
    order = order_of(events)
    assert order.unordered(events[0], events[1])
    assert order.before(events[0], events[2])
    assert not order.before(events[2], events[0])


@pytest.mark.parametrize(
    "link",
    [
        [event("T1", "release", LOCK), event("T2", "acquire", LOCK)],
        [event("T1", "put", LOCK), event("T2", "get", LOCK)],
        [event("T1", "start", child="T2")],
        [event("T1", "end", LOCK), event("T2", "join", LOCK, child="T1")],
        [event("T1", "end", LOCK), event("T2", "read", LOCK)],
    ],
    ids=["lock", "queue", "start", "join", "is_alive"],
)
def test_synchronisation_orders(link: list[Event]) -> None:
    assert races(write("T1"), *link, read("T2")) == []


@pytest.mark.parametrize(
    "link",
    [
        [event("T2", "acquire", LOCK), event("T1", "release", LOCK)],
        [event("T1", "release", LOCK), event("T2", "acquire", OTHER)],
        [event("T1", "release", LOCK), event("T2", "timeout", LOCK)],
        [event("T1", "sleep"), event("T2", "sleep")],
        [event("T1", "start", child="T3")],
    ],
    ids=["too early", "another lock", "timed out", "sleep", "another thread"],
)
def test_what_does_not_order(link: list[Event]) -> None:
    assert races(write("T1"), *link, read("T2")) == [(0, 3 if len(link) == 2 else 2)]


def test_reads_do_not_race() -> None:
    assert races(read("T1"), read("T2"), read("T3")) == []


def test_a_write_races_with_every_unordered_read() -> None:
    one = event("T1", "read", PLACE, memory=True)
    events = numbered(one, read("T2"), write("T3"))
    assert len(data_races(events)) == 1  # the places in the source are the same: none


@pytest.mark.parametrize(
    ("first", "second", "raced"),
    [
        (("write", "'a'"), ("write", "'b'"), False),
        (("write", "'a'"), ("write", "'a'"), True),
        (("read", "'a'"), ("write", "'a'"), True),
        (("read", "'a'"), ("read", "'a'"), False),
        (("update", None), ("update", None), False),
        (("write", "'a'"), ("read", None), False),
        (("read", "'a'"), ("update", "'a'"), False),
    ],
    ids=lambda each: " ".join(filter(None, each)) if isinstance(each, tuple) else "",
)
def test_items_race_and_operations_on_containers_do_not(
    first: tuple[str, str | None], second: tuple[str, str | None], raced: bool
) -> None:
    assert races(on_list("T1", *first), on_list("T2", *second)) == ([(0, 1)] if raced else [])


@pytest.mark.parametrize(
    ("given", "taken", "raced"),
    [
        (("update", None), ("update", None), False),
        (("update", None), ("read", None), False),
        (("update", None), ("read", "0"), False),
        (("write", "0"), ("read", None), False),
        (("read", None), ("update", None), True),
        (("read", "0"), ("update", None), True),
    ],
    ids=lambda each: " ".join(filter(None, each)) if isinstance(each, tuple) else "",
)
def test_a_change_of_a_container_orders_what_comes_after_it_is_seen(
    given: tuple[str, str | None], taken: tuple[str, str | None], raced: bool
) -> None:
    assert races(write("T1"), on_list("T1", *given), on_list("T2", *taken), read("T2")) == ([(0, 3)] if raced else [])
    assert races(on_list("T1", *given), write("T1"), on_list("T2", *taken), read("T2")) == [(1, 3)]


def test_what_is_known_by_name_only_is_left_out() -> None:
    unknown = event("T1", "write", PLACE, memory=True, exact=False)
    assert races(unknown, write("T2")) == []


def test_a_pair_of_places_is_listed_once() -> None:
    assert len(races(*(write(thread) for thread in ("T1", "T2") * 5))) == 1


def brute_force(events: list[Event]) -> set[str]:
    """Threads that race, by searching a way through the graph of what comes before what."""
    follows: dict[int, set[int]] = {each.n: set() for each in events}
    for a, b in itertools.combinations(events, 2):
        same = a.thread == b.thread
        handed = a.kind == "release" and b.kind == "acquire" and a.identity == b.identity
        started = a.kind == "start" and b.thread == a.child
        if same or handed or started:
            follows[a.n].add(b.n)
    for b in events:  # earlier events are complete by then: edges only go forward
        for a in events[: b.n][::-1]:
            follows[a.n] |= {n for m in list(follows[a.n]) for n in follows[m]}
    return {
        f"{a.thread}{b.thread}"
        for a, b in itertools.combinations(events, 2)
        if a.conflicts(b) and b.n not in follows[a.n]
    }


operations = st.sampled_from(
    [
        *(event(t, kind, lock) for t in ("T1", "T2", "T3") for kind in ("acquire", "release") for lock in (1, 2)),
        *(event(t, kind, 7, memory=True) for t in ("T1", "T2", "T3") for kind in ("read", "write")),
        *(event("T1", "start", child=child) for child in ("T2", "T3")),
    ]
)


@given(st.lists(operations, max_size=14))
def test_a_run_has_a_race_exactly_if_two_of_its_accesses_are_unordered(made: list[Event]) -> None:
    events = numbered(*made)
    assert bool(data_races(events)) == bool(brute_force(events))


@given(st.lists(operations, max_size=12))
def test_the_order_is_that_of_the_graph(made: list[Event]) -> None:
    events = numbered(*made)
    order = order_of(events)
    unordered = {
        f"{a.thread}{b.thread}"
        for a, b in itertools.combinations(events, 2)
        if a.conflicts(b) and order.unordered(a, b)
    }
    assert unordered == brute_force(events)
