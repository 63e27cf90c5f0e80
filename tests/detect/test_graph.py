"""The cycle search, against brute force."""

from __future__ import annotations

from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_racecheck.detect.graph import shortest_cycle

NODES = ["T1", "T2", "T3", "T4", "T5"]
graphs = st.dictionaries(st.sampled_from(NODES), st.lists(st.sampled_from([*NODES, "gone"]), max_size=4))


def is_cycle(graph: dict[str, list[str]], path: list[str]) -> bool:
    return all(each in graph for each in path) and all(b in graph[a] for a, b in pairwise([*path, path[0]]))


def length_by_brute_force(graph: dict[str, list[str]]) -> int:
    """Length of a shortest cycle, 0 if there is none."""
    for length in range(1, len(graph) + 1):
        if any(is_cycle(graph, list(path)) for path in permutations(graph, length)):
            return length
    return 0


@given(graphs)
def test_finds_a_cycle_exactly_when_there_is_one_and_a_shortest(graph: dict[str, list[str]]) -> None:
    cycle = shortest_cycle(graph)
    assert len(cycle) == length_by_brute_force(graph)
    assert not cycle or is_cycle(graph, cycle)


@pytest.mark.parametrize(
    ("graph", "cycle"),
    [
        ({}, []),
        ({"a": ["b"], "b": []}, []),
        ({"a": ["gone"]}, []),
        ({"a": ["a"]}, ["a"]),
        ({"main": ["T1"], "T1": ["T2"], "T2": ["T1"]}, ["T1", "T2"]),
        ({"a": ["b"], "b": ["c"], "c": ["a", "d"], "d": ["c"]}, ["c", "d"]),
        ({"d": ["c"], "c": ["d"], "a": ["b"], "b": ["a"]}, ["d", "c"]),
    ],
)
def test_cycle(graph: dict[str, list[str]], cycle: list[str]) -> None:
    assert shortest_cycle(graph) == cycle


def test_large_graphs_take_no_time_to_speak_of() -> None:
    ring = {str(n): [str((n + 1) % 1000)] for n in range(1000)}
    assert len(shortest_cycle(ring)) == 1000
