"""What the page says of threads, locks and values at each step, and how the wait-for graph is laid out."""

from __future__ import annotations

from typing import Any

from pytest_racecheck.report.html.graph import wait_for_graph
from pytest_racecheck.report.html.state import changes
from pytest_racecheck.report.model import Held, Step, ThreadReport
from pytest_racecheck.report.story import entries, threads_of
from tests.report.sessions import failing, step


def told(*steps: Step, **more: Any) -> list[dict[str, Any]]:
    """How things stand after each entry of the story."""
    failure = failing(*steps, **more).failure
    assert failure is not None
    found = changes(failure, entries(failure, 0, "->", "..."), threads_of(failure, 0), 0)
    states: list[dict[str, Any]] = []
    for change in found:
        before = states[-1] if states else {"threads": {}, "values": {}}
        states.append({part: before[part] | change[part] for part in ("threads", "values")} | {"n": change["n"]})
    return states


def test_locks_are_held_from_their_acquisition_to_their_release() -> None:
    lock = {"operation": "acquire", "resource": "lock"}
    states = told(
        step(1, "T1", 1, **lock),
        step(2, "T1", 2, holds=["lock"], switch="preempted", to="T2"),
        step(3, "T2", 1, operation="block", resource="lock", switch="blocked on lock held by T1", to="T1"),
        step(4, "T1", 3, operation="release", resource="lock", holds=["lock"], switch="sleeps 1 s", to="T2"),
        step(5, "T2", 1, **lock),
    )
    assert [state["threads"]["T1"] for state in states] == [
        ["running", ["lock"]],
        ["preempted", ["lock"]],
        ["running", ["lock"]],
        ["sleeps 1 s", []],
        ["sleeps 1 s", []],
    ]
    assert [state["threads"]["T2"] for state in states] == [
        ["not begun", []],
        ["not begun", []],
        ["blocked on lock held by T1", []],
        ["running", []],
        ["running", ["lock"]],
    ]


def test_values_are_those_last_seen() -> None:
    x, write = {"resource": "x"}, {"operation": "write"}
    states = told(
        step(1, "T1", 1, before="1", **x),
        step(2, "T1", 2, before="1", after="2", **x, **write),
        step(3, "T1", 3, before="2", after="9", level=2, **x, **write),
        step(4, "T1", 4, before="7", resource="y"),
    )
    assert [state["values"] for state in states] == [
        {"x": ["1", None]},
        {"x": ["1", "2"]},
        {"x": ["1", "2"], "y": ["7", None]},
    ]
    assert [state["n"] for state in states] == [1, 2, 4]


def test_what_a_step_did_is_a_change_even_if_nothing_is_new() -> None:
    failure = failing(*(step(n, "T1", n, before="1") for n in (1, 2))).failure
    assert failure is not None
    first, second = changes(failure, entries(failure, 0, "->", "..."), ["T1"], 0)
    assert first["threads"] == {"T1": ["running", []]}
    assert second == {"n": 2, "threads": {}, "values": {"box.value": ["1", None]}}


def test_hidden_steps_count_as_well() -> None:
    hidden = [step(2, "T2", 1, operation="acquire", resource="lock", level=2), step(3, "T1", 9, level=2)]
    states = told(step(1, "T1", 1), *hidden, step(4, "T1", 2), step(5, "T2", 7, holds=["lock"]))
    assert states[1]["threads"]["T2"] == ["running", ["lock"]]


def test_in_the_end_of_a_deadlock_every_thread_waits() -> None:
    waiting = [
        ThreadReport("T1", "T1", "f", "blocked", waits_for="T2 to end"),
        ThreadReport("T2", "T2", "f", "blocked", [Held("lock")], "an item"),
    ]
    states = told(step(1, "T1", 1, switch="waits", to="T2"), step(2, "T2", 2), kind="deadlock", threads=waiting)
    assert states[0]["threads"]["T1"] == ["waits", []]
    assert states[1]["threads"] == {"T1": ["waits for T2 to end", []], "T2": ["waits for an item", ["lock"]]}


def thread(name: str, *waits_on: str, **more: Any) -> ThreadReport:
    known = {"waits_for": f"lock of {waits_on[0]}, held by {waits_on[0]}" if waits_on else None, **more}
    return ThreadReport(name, name, "f", "blocked", waits_on=list(waits_on), **known)


def test_a_ring_is_drawn_in_its_order() -> None:
    threads = [thread("main", "T2"), thread("T1", "T3"), thread("T2", "T1"), thread("T3", "T2"), thread("T4")]
    graph = wait_for_graph(threads)
    assert graph is not None
    assert [node.lines[0][1] for node in graph.nodes] == ["main", "T1", "T3", "T2"]
    assert [edge.label for edge in graph.edges] == [f"waits for lock of {name}" for name in ("T3", "T2", "T2", "T1")]
    for above, below in zip(graph.nodes, graph.nodes[1:], strict=False):
        assert above.y + above.height < below.y
    assert graph.height > graph.nodes[-1].y + graph.nodes[-1].height
    assert all(edge.x < graph.width for edge in graph.edges)
    straight = [edge.path.count("Q") == 0 for edge in graph.edges]
    assert straight == [True, True, False, False]
    assert min(edge.x for edge in graph.edges[2:]) > max(edge.x + 7 * len(edge.label) for edge in graph.edges[:2])


def test_self_deadlock_and_threads_that_no_thread_could_help() -> None:
    graph = wait_for_graph([thread("T1", "T1", holds=[Held("lock")])])
    assert graph is not None
    assert [text for _, text in graph.nodes[0].lines] == ["T1", "holds lock"]
    assert len(graph.edges) == 1
    assert wait_for_graph([thread("T1", waits_for="a notify on c")]) is None
    graph = wait_for_graph([thread("main", "T1"), thread("T1", waits_for="a notify on c")])
    assert graph is not None
    assert graph.nodes[1].text == "T1; waits for a notify on c"


def test_very_many_threads_are_not_all_drawn() -> None:
    graph = wait_for_graph([thread("T1", "T2"), thread("T2", "T1"), *(thread(f"T{n}", "T1") for n in range(3, 30))])
    assert graph is not None
    assert len(graph.nodes) + graph.left_out == 29
    assert [node.lines[0][1] for node in graph.nodes][-2:] == ["T1", "T2"]
