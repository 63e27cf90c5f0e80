"""Which accesses to memory race: they conflict, and nothing orders them (Flanagan & Freund, FastTrack, PLDI 2009).

For each place in memory the last write is kept, as an epoch, and the reads since then. Deviations from the paper: reads
are kept by thread and site, so that each pair of sites is found and not only the first of a thread; a same-epoch access
is skipped only at the same site; and built-in containers are treated as what they are, see below.

What counts: two accesses by different threads to one attribute, global, variable or item of a container
(``d[k] = v``, ``del d[k]``, ``d[k]``, ``d.get(k)``, ``k in d``), at least one of them a write. Any other operation on a
built-in container (``append``, ``pop``, ``setdefault``, ``update``, ``len``, iteration, ...) is atomic, as CPython
documents it, and so is a synchronisation of its own: it never races, and what was done before a change of the container
comes before what is done after one that sees the change. An item that is stored is published in the same way to those
who look at the whole container.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pytest_racecheck.detect.clocks import Clocks

#: Of an earlier access: the number of its thread, and what the caller told of it.
Earlier = tuple[int, Any]

_NONE: Final[Sequence[Earlier]] = ()


class _Variable:
    """The accesses to one attribute, variable or item that later ones have to be compared with."""

    __slots__ = ("epoch", "reads", "sites", "thread", "write")

    def __init__(self) -> None:
        #: Thread, epoch, and what the caller told.
        self.write: tuple[int, int, Any] | None = None
        #: Epoch, and what the caller told, by thread and site.
        self.reads: dict[tuple[int, Hashable], tuple[int, Any]] | None = None
        #: The last access, and where its thread came in that epoch before anyone else did.
        self.thread = -1
        self.epoch = -1
        self.sites: list[Hashable] = []


class _Container:
    """A container. As a thing that threads take and give, it stands for its changes; ``stored`` for items stored."""

    __slots__ = ("changed", "items", "stored")

    def __init__(self) -> None:
        self.items: dict[object, _Variable] = {}
        self.changed = False
        self.stored: object = None


class FastTrack:
    """The places of one run. ``clocks`` are kept by the caller, who tells of all that orders threads."""

    def __init__(self, clocks: Clocks) -> None:
        self._clocks = clocks
        self._variables: dict[object, _Variable] = {}
        self._containers: dict[object, _Container] = {}

    def variable(self, thread: int, where: object, writes: bool, site: Hashable, told: object) -> Sequence[Earlier]:
        """An attribute or variable is accessed. Returns the earlier accesses that race with it.

        ``where`` names the place, ``site`` the one in the source.
        """
        place = self._variables.get(where)
        if place is None:
            place = self._variables[where] = _Variable()
        elif place.thread == thread and site in place.sites and place.epoch == self._clocks.now[thread][thread]:
            return _NONE
        return self._access(thread, place, writes, site, told)

    def item(
        self, thread: int, where: object, key: object, writes: bool, site: Hashable, told: object
    ) -> Sequence[Earlier]:
        """One item of a container is read, stored or deleted. Returns the earlier accesses that race with it."""
        container = self._container(where)
        if container.changed:
            self._clocks.take(thread, container)
        item = container.items.get(key)
        if item is None:
            item = container.items[key] = _Variable()
        found = self._access(thread, item, writes, site, told)
        if writes:
            if container.stored is None:
                container.stored = object()
            self._clocks.give(thread, container.stored)
        return found

    def operation(self, thread: int, where: object, changes: bool) -> None:
        """An atomic operation on a container as a whole."""
        container = self._container(where)
        clocks = self._clocks
        if container.stored is not None:
            clocks.take(thread, container.stored)
        if container.changed:
            clocks.take(thread, container)
        if changes:
            container.changed = True
            clocks.give(thread, container)

    def _container(self, where: object) -> _Container:
        container = self._containers.get(where)
        if container is None:
            container = self._containers[where] = _Container()
        return container

    def _access(self, thread: int, place: _Variable, writes: bool, site: Hashable, told: object) -> Sequence[Earlier]:
        clock = self._clocks.now[thread]
        epoch = clock[thread]
        if place.thread != thread or place.epoch != epoch:
            place.thread = thread
            place.epoch = epoch
            place.sites = [site]
        else:
            place.sites.append(site)
        found: list[Earlier] | None = None
        write, reads = place.write, place.reads
        if write is not None:
            other = write[0]
            if other != thread and (other >= len(clock) or clock[other] < write[1]):
                found = [(other, write[2])]
        if writes:
            if reads:
                for (other, _), (when, what) in reads.items():
                    if other != thread and (other >= len(clock) or clock[other] < when):
                        found = [*(found or ()), (other, what)]
                place.reads = None
            place.write = (thread, epoch, told)
        elif reads is None:
            place.reads = {(thread, site): (epoch, told)}
        else:
            reads[thread, site] = (epoch, told)
        return found or _NONE
