"""Cycles in a wait-for graph."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def shortest_cycle(graph: Mapping[str, Sequence[str]]) -> list[str]:
    """A shortest cycle: nodes in the direction of the edges, each once. Empty when there is none.

    Of several shortest ones it is the first in the order of ``graph``. A node with an edge to itself is a cycle of
    one. Edges to nodes that are no key of ``graph`` lead nowhere.
    """
    best: list[str] = []
    for start in graph:
        cycle = _cycle_through(graph, start)
        if cycle and (not best or len(cycle) < len(best)):
            best = cycle
    return best


def _cycle_through(graph: Mapping[str, Sequence[str]], start: str) -> list[str]:
    came_from: dict[str, str] = {}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        for successor in graph[node]:
            if successor == start:
                return _path(came_from, start, node)
            if successor in graph and successor not in came_from:
                came_from[successor] = node
                queue.append(successor)
    return []


def _path(came_from: Mapping[str, str], start: str, end: str) -> list[str]:
    path = [end]
    while path[-1] != start:
        path.append(came_from[path[-1]])
    return path[::-1]
