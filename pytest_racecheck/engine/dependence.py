"""Which operations depend on each other: the order of two dependent ones can matter, that of independent ones can't.

Dependence is the base of every notion of equivalence between interleavings (Mazurkiewicz, Trace Theory, 1987).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_racecheck.engine.operation import MEMORY
from pytest_racecheck.engine.thread import ControlledThread

if TYPE_CHECKING:
    from pytest_racecheck.engine.operation import Kind

#: Operations that touch nothing which another thread could notice at that moment.
_NOTHING: Final = frozenset(("begin", "sleep", "block"))

#: Operations on synchronisation objects that leave them as they are.
_LOOKS: Final = frozenset(("read", "join", "timeout"))


class Footprint(NamedTuple):
    """What an operation touches: up to two things, compared by identity, and whether it only looks at them.

    ``item`` is the one item of the first that it is about, if it is a container; None for all of it.
    """

    first: object
    second: object
    reads: bool
    item: object = None

    def conflicts(self, other: Footprint) -> bool:
        """Whether the order of the two can matter."""
        if self.reads and other.reads:
            return False
        mine, also = self.first, self.second
        if mine is None:
            return False
        if mine is other.first:
            return self.item is None or other.item is None or self.item == other.item
        if mine is other.second:
            return True
        return also is not None and (also is other.first or also is other.second)


NOTHING: Final = Footprint(None, None, True)

#: All explicit scheduling points (``racecheck.point``) touch this: they stand for something that racecheck can't see.
_POINTS: Final = "explicit points"


def footprint(thread: ControlledThread, kind: Kind | None = None, resource: object = None) -> Footprint:
    """Of what ``thread`` is about to do; or of the operation of ``kind`` on ``resource`` that it does now."""
    if kind is None:
        kind = thread.kind
        resource = thread.resource
    if kind in _NOTHING:
        return NOTHING
    # Of an access to memory, the resource is a place in the code.
    if kind in MEMORY and hasattr(resource, "container"):
        return Footprint(thread.location, thread.also, kind == "read", thread.item)
    if kind == "end":
        resource = thread
    if isinstance(resource, ControlledThread):
        # The object that the test has in its hands, which is there before the thread is.
        resource = resource.thread or resource
    if kind == "point":
        return Footprint(_POINTS, None, False)
    return Footprint(resource, None, kind in _LOOKS)
