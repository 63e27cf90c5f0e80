"""Accesses that clash, and the names of the patterns that they may be known by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pytest_racecheck.detect.events import Event

LOST_UPDATE: Final = "lost update"
CHECK_THEN_ACT: Final = "check-then-act"
DOUBLE_INITIALISATION: Final = "double initialisation"
ITERATION: Final = "iterate while mutating"
TWO_LOCKS: Final = "atomicity over two locks"
LOST_WAKE_UP: Final = "lost wake-up"
ORDER_VIOLATION: Final = "order violation"

#: Texts of values that stand for "not there yet"; None where an attribute has no value at all.
NOTHING_YET: Final = frozenset((None, "None", "missing"))


#: How the texts of containers begin that can be changed.
_CONTAINERS: Final = ("[", "{", "set(", "deque(", "defaultdict(", "OrderedDict(", "Counter(")


@dataclass(slots=True)
class Clash:
    """The accesses that clash, in the order in which they happened; ``name`` of the pattern, "" if none fits.

    ``sentence`` says what happened, ``advice`` what to do if that is certain. ``context``: what belongs to the story
    beside them. ``rank``: the lower, the more likely it is what made the run fail.
    """

    accesses: list[Event]
    sentence: str
    name: str = ""
    rank: tuple[int, ...] = ()
    context: list[Event] = field(default_factory=list)
    advice: str = ""


def changes(event: Event) -> bool:
    """Whether it may have left another value than there was."""
    # Of other objects than plain values only the type is known; and another container is another one, even if it looks
    # the same.
    if event.before is None or event.before.startswith("<") or event.before != event.after:
        return True
    return event.kind == "write" and event.item is None and event.before.startswith(_CONTAINERS)


def only_looked(event: Event) -> bool:
    """Whether it could have set a value, as a cached property does, and found that there is none yet."""
    return event.kind == "update" and event.before == event.after == "missing"
