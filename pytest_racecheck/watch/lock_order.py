"""Lock-order inversions: threads that take the same locks in opposite orders, and so may block each other one day.

Goodlock (Havelund, Using Runtime Analysis to Guide Model Checking of Java Programs, SPIN 2000; Agarwal et al., 2006):
an edge stands for a thread that takes one lock while it holds another; a cycle of edges of different threads, of which
no two hold a lock in common (a gate), is an inversion. Deviations: an attempt with a time-out or without waiting is no
edge, since it does not block for good; and the threads must have been seen to come there in either order, for those
that start, join, signal or hand over in between may always come in the same one.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.detect.wording import at, told_apart
from pytest_racecheck.engine.names import Names
from pytest_racecheck.engine.places import current_site
from pytest_racecheck.primitives.origin import Origin
from pytest_racecheck.report.model import Finding, FindingSite

if TYPE_CHECKING:
    from pytest_racecheck.engine.operation import Site
    from pytest_racecheck.engine.thread import ControlledThread

#: Locks in a cycle, at the most.
_LONGEST: Final = 6

#: Steps of the search for cycles in one run.
_STEPS: Final = 2_000

#: What names a cycle from run to run: which thread took a lock where.
Key = frozenset[tuple[str, "Site"]]


def root_of(lock: Any) -> object:
    """What stands for a lock in all runs: the place that made it, or the lock if it is older than they are."""
    origin = getattr(lock, "origin", None)
    return lock if origin is None or origin is Origin.outside else origin


class _Edge:
    """A thread took a lock while it held another one, and all of ``gates``.

    ``n`` says when, in edges of the run. ``roots`` stand for the two locks in all runs.
    """

    __slots__ = ("function", "gates", "held_name", "label", "n", "path", "roots", "site", "wanted_name")

    def __init__(
        self, thread: ControlledThread, n: int, site: Site, gates: frozenset[object], roots: tuple[object, object]
    ) -> None:
        self.path = thread.path
        self.label = thread.label
        self.function = thread.function or "test"
        self.n = n
        self.site = site
        self.gates = gates
        self.roots = roots
        self.held_name = self.wanted_name = ""


class _Cycle:
    __slots__ = ("edges", "interleaving", "orders")

    def __init__(self, edges: tuple[_Edge, ...], interleaving: int) -> None:
        self.edges = edges
        self.interleaving = interleaving
        #: Pairs of those who came first and second.
        self.orders: set[tuple[str, str]] = set()

    def is_open(self) -> bool:
        """Whether each two of the threads were seen to come in either order."""
        return all(pair in self.orders for pair in permutations([edge.path for edge in self.edges], 2))


class LockOrder:
    """Told of every lock that is taken for as long as it takes; `begin` and `end` frame a run."""

    def __init__(self) -> None:
        self._cycles: dict[Key, _Cycle] = {}
        #: The names of the lock that was held and of the lock that was taken, by thread and site.
        self._names: dict[tuple[str, Site], tuple[str, str]] = {}
        self.begin()

    def begin(self) -> None:
        """A new run."""
        self._taken: dict[object, dict[tuple[object, str, Site], _Edge]] = {}
        self._count = 0
        self.seen: set[Key] = set()

    def acquired(self, thread: ControlledThread, lock: object) -> None:
        """``thread``, which holds other locks, takes ``lock`` now, after it may have waited for it."""
        site = current_site()
        if site is None:
            return
        held = frozenset(thread.held)
        for other in held:
            if other is lock:
                continue
            edges = self._taken.setdefault(other, {})
            if (lock, thread.path, site) not in edges:
                self._count += 1
                roots = (root_of(other), root_of(lock))
                edge = edges[lock, thread.path, site] = _Edge(thread, self._count, site, held, roots)
                edge.held_name, edge.wanted_name = self._name(thread, site, other, lock)

    def _name(self, thread: ControlledThread, site: Site, held: object, wanted: object) -> tuple[str, str]:
        # The first lock that is found to be held there gives its name: looking for names takes its time.
        names = self._names.get((thread.path, site))
        if names is None:
            thread.quiet += 1
            try:
                finder = Names()
                names = (
                    finder.of_lock(held, thread.scheduler, None, "a lock"),
                    finder.of_lock(wanted, thread.scheduler, None, "another lock"),
                )
            finally:
                thread.quiet -= 1
            self._names[thread.path, site] = names
        return names

    def end(self, interleaving: int) -> int:
        """The run is over: looks for cycles in it. Returns how many are new."""
        known = len(self._cycles)
        steps = iter(range(_STEPS))
        for lock in self._taken:
            for edges in self._rings(lock, lock, (), steps):
                key = frozenset((edge.path, edge.site) for edge in edges)
                self.seen.add(key)
                cycle = self._cycles.setdefault(key, _Cycle(edges, interleaving))
                order = [edge.path for edge in sorted(edges, key=lambda edge: edge.n)]
                cycle.orders.update((a, b) for n, a in enumerate(order) for b in order[n + 1 :])
        return len(self._cycles) - known

    def _rings(
        self, start: object, lock: object, edges: tuple[_Edge, ...], steps: Iterator[int]
    ) -> Iterator[tuple[_Edge, ...]]:
        for (taken, path, _), edge in self._taken.get(lock, {}).items():
            if next(steps, None) is None:
                return
            if any(path == other.path or edge.gates & other.gates for other in edges):
                continue
            if taken is start and edges:
                yield (*edges, edge)
            elif len(edges) < _LONGEST - 1:
                yield from self._rings(start, taken, (*edges, edge), steps)

    def findings(self, proved: bool, handed: set[object]) -> Iterator[tuple[Key, Finding]]:
        """Every cycle of places in the source, in the order in which they were found.

        ``proved``: no interleaving can deadlock. ``handed``: the roots of locks that other threads give back than took
        them, so that they exclude nobody by themselves.
        """
        by_sites: dict[frozenset[Site], list[tuple[Key, _Cycle]]] = {}
        for key, cycle in self._cycles.items():
            if handed.isdisjoint(root for edge in cycle.edges for root in edge.roots):
                by_sites.setdefault(frozenset(edge.site for edge in cycle.edges), []).append((key, cycle))
        for alike in by_sites.values():
            key, cycle = next((each for each in alike if each[1].is_open()), alike[0])
            harmless = "" if cycle.is_open() else _ORDERED
            yield key, _finding(cycle, _PROVED if proved else harmless)


_ORDERED: Final = "they were only seen to come there one after the other, in one order"
_PROVED: Final = "no interleaving of this test deadlocks"


def _finding(cycle: _Cycle, harmless: str) -> Finding:
    edges = cycle.edges
    sites = [
        FindingSite(edge.label, edge.function, "acquire", site.file, site.line, site.source, site.function)
        for edge in edges
        for site in (edge.site,)
    ]
    names = list(dict.fromkeys(name for edge in edges for name in (edge.held_name, edge.wanted_name)))
    with told_apart(edge.site.file for edge in edges):
        told = "; ".join(
            f"{edge.label} holds {edge.held_name} and takes {edge.wanted_name} at {at(edge.site.file, edge.site.line)}"
            for edge in edges
        )
    text = f"lock-order inversion: {told}"
    return Finding("lock-order", " and ".join(names), text, sites, harmless, interleaving=cycle.interleaving)
