"""The wait-for graph of a deadlock, laid out: threads in a column, from each an arrow to those that it waits for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pytest_racecheck.report.terminal import clip

if TYPE_CHECKING:
    from pytest_racecheck.report.model import ThreadReport

_WIDTH: Final = 216
_LINE: Final = 20
_PADDING: Final = 10
_GAP: Final = 46
_MARGIN: Final = 6
_BEND: Final = 40  # how far the first arrow that leads past other threads stands out
_CHARACTER: Final = 7.6  # of a label, in the widest of the usual fonts
_NODES: Final = 12
_TITLE: Final = 26
_LABEL: Final = 32


@dataclass
class Node:
    """A thread: ``lines`` of text, the first its name, with the base line of each."""

    x: int
    y: int
    width: int
    height: int
    lines: list[tuple[int, str]]
    text: str


@dataclass
class Edge:
    """An arrow: an SVG path, and a label that begins at ``x``, ``y``; ``text`` is the label in full."""

    path: str
    x: int
    y: int
    label: str
    text: str


@dataclass
class Graph:
    """Sizes are in pixels. ``left_out``: threads that wait, too, and have no room."""

    width: int
    height: int
    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    left_out: int = 0


def wait_for_graph(threads: list[ThreadReport]) -> Graph | None:
    """The graph of the threads of a deadlock; None where no thread waits for another one."""
    known = {thread.id: thread for thread in threads}
    targets = {each.id: [to for to in dict.fromkeys(each.waits_on) if to in known] for each in threads}
    involved = [each.id for each in threads if targets[each.id] or any(each.id in to for to in targets.values())]
    if not involved:
        return None
    cycle = _cycle(targets)
    order = [each for each in involved if each not in cycle] + cycle
    shown = order[-_NODES:]
    graph = Graph(0, 0, left_out=len(order) - len(shown))
    y = _MARGIN
    for name in shown:
        node = _node(known[name], y, waits=not targets[name])
        graph.nodes.append(node)
        y += node.height + _GAP
    graph.height = y - _GAP + _MARGIN
    _add_edges(graph, shown, targets, known)
    graph.width = max(_MARGIN + _WIDTH, *map(_end, graph.edges)) + _MARGIN
    return graph


def _cycle(targets: dict[str, list[str]]) -> list[str]:
    """The threads that wait for each other in a ring, in its order; empty where there is none."""
    for start in targets:
        path, visited = [start], {start}
        while True:
            following = next(iter(targets[path[-1]]), None)
            if following == start:
                return path
            if following is None or following in visited:
                break
            path.append(following)
            visited.add(following)
    return []


def _node(thread: ThreadReport, y: int, *, waits: bool) -> Node:
    title = thread.id if thread.name in (thread.id, "MainThread") else f"{thread.id} {thread.name}"
    texts = [title, *(f"holds {held.resource}" for held in thread.holds)]
    if waits and thread.waits_for:
        texts.append(f"waits for {thread.waits_for}")
    lines = [(y + _PADDING + _LINE * (n + 1) - 6, clip(text, _TITLE, "…")) for n, text in enumerate(texts)]
    height = 2 * _PADDING + _LINE * len(texts)
    return Node(_MARGIN, y, _WIDTH, height, lines, "; ".join(texts))


def _add_edges(graph: Graph, shown: list[str], targets: dict[str, list[str]], known: dict[str, ThreadReport]) -> None:
    """Straight down to the next thread; in a bow on the right to all others, the later ones further out."""
    bows = []
    for number, name in enumerate(shown):
        node = graph.nodes[number]
        text = f"waits for {(known[name].waits_for or '').partition(', held by')[0]}"
        label = clip(text, _LABEL, "…")
        for target in (shown.index(to) for to in targets[name] if to in shown):
            if target == number + 1:
                x, top, end = node.x + node.width // 3, node.y + node.height, graph.nodes[target].y - 2
                graph.edges.append(Edge(f"M{x} {top}V{end}", x + 10, (top + end) // 2 + 5, label, text))
            else:
                bows.append((node, graph.nodes[target], label, text))
    # Past the labels of the straight ones.
    bend = max(_BEND, max(map(_end, graph.edges), default=0) + _PADDING - _MARGIN - _WIDTH)
    for number, (node, target_node, label, text) in enumerate(bows):
        graph.edges.append(_bow(node, target_node, bend + 26 * number, label, text))


def _end(edge: Edge) -> int:
    """Where the label of an arrow ends."""
    return edge.x + int(len(edge.label) * _CHARACTER)


def _bow(node: Node, target: Node, bend: int, label: str, text: str) -> Edge:
    right = node.x + node.width
    start, end = node.y + node.height // 2 + 6, target.y + target.height // 2 - 6
    out = right + bend
    if node is target:  # it waits for what it holds itself
        start, end = end, start
    corner = 14
    turn = corner if end > start else -corner
    if abs(end - start) < 2 * corner:
        path = f"M{right} {start}C{out} {start} {out} {end} {right + 2} {end}"
        return Edge(path, out, (start + end) // 2 + 5, label, text)
    path = (
        f"M{right} {start}H{out - corner}Q{out} {start} {out} {start + turn}"
        f"V{end - turn}Q{out} {end} {out - corner} {end}H{right + 2}"
    )
    return Edge(path, out + 10, (start + end) // 2 + 5, label, text)
