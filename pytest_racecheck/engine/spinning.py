"""Tells a thread that only waits from one that computes.

Both may read a thousand things and write nothing that others could notice. But one that waits comes back to the same
place with nothing changed that it could go by: unless another thread does something, it goes on like that for ever.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from operator import length_hint
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.engine.loops import unread
from pytest_racecheck.engine.places import is_ours
from pytest_racecheck.engine.unreadable import variables
from pytest_racecheck.primitives.lock import Lock

if TYPE_CHECKING:
    from pytest_racecheck.engine.thread import ControlledThread

#: A thread that has not come back after so many looks has left the loop that it was in.
MOST_LOOKS: Final = 64

#: Of a stack that is deeper than this nothing is said.
_DEEPEST: Final = 100

_PLAIN: Final = (int, float, complex, bool, str, bytes, range, type(None))

#: What was made anew is the same as before if it holds the same.
_CONTAINERS: Final = (list, tuple)
_LARGEST: Final = 100

#: Iterators that tell what they will give next.
_ITERABLES: Final[tuple[Iterable[object], ...]] = ([], (), range(0), set(), {}, {}.values())
_TELLING: Final = tuple(type(iter(each)) for each in _ITERABLES)

#: Stands for what an iterator will give next, where that does not show.
_UNKNOWN: Final = object()

#: One call under way: its code, where it is in it, and its local variables.
_Call = tuple[CodeType, int, dict[str, Any]]


class Moment:
    """Where a thread is in its code, with its local variables; ``effort`` is what it had done in vain by then.

    ``until``: what it does in vain before it is worth another look.
    """

    __slots__ = ("calls", "code", "effort", "looks", "offset", "until")

    def __init__(self, frame: FrameType, effort: int) -> None:
        self.code = frame.f_code
        self.offset = frame.f_lasti
        self.effort = effort
        self.looks = 0
        self.until = 0
        self.calls = _calls(frame)

    def is_like(self, other: Moment) -> bool:
        """Whether nothing differs."""
        mine, its = self.calls, other.calls
        return 0 < len(mine) == len(its) and all(map(_is_same_call, mine, its))


def came_round(me: ControlledThread, effort: int) -> bool:
    """Whether ``me``, which is running, is where it was before, with everything as it was then.

    ``effort``: what it has done in vain since it last did something that others could notice, in any measure that
    starts again then. ``me.moment`` is the last moment that counted.
    """
    before = me.moment
    if before is not None and before.effort < effort < before.until:
        return False
    frame = _innermost()
    if frame is None:
        return False
    if before is None or before.effort >= effort or before.looks >= MOST_LOOKS:
        me.moment = Moment(frame, effort)
        return False
    before.looks += 1
    if frame.f_code is not before.code or frame.f_lasti != before.offset:
        return False
    me.moment = now = Moment(frame, effort)
    if now.is_like(before):
        return True
    now.until = effort + effort // 4  # it computes: looking again and again would only slow it down
    return False


def _innermost() -> FrameType | None:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and is_ours(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def _calls(innermost: FrameType) -> list[_Call]:
    """All calls of the thread's own, innermost first; empty where they don't tell all."""
    found: list[_Call] = []
    frame: FrameType | None = innermost
    while frame is not None and not frame.f_globals.get("__name__", "").startswith("pytest_racecheck.engine."):
        if not is_ours(frame.f_code.co_filename):
            code, offset = frame.f_code, frame.f_lasti
            ignored = unread(code, offset)
            values = {
                name: _rest(value) if issubclass(type(value), Iterator) else value
                for name, value in variables(frame).items()
                if name not in ignored
            }
            if len(found) == _DEEPEST or any(value is _UNKNOWN for value in values.values()):
                return []
            found.append((code, offset, values))
        frame = frame.f_back
    return found


def _rest(iterator: Iterator[object]) -> object:
    """What an iterator will give next, to be compared."""
    if type(iterator) in _TELLING and length_hint(iterator) <= _LARGEST:
        try:
            state: Any = iterator.__reduce__()
        except RuntimeError:  # the container has changed since
            return _UNKNOWN
        _, (container,), *place = state
        if type(container) not in _PLAIN and type(container) not in _CONTAINERS:
            return _UNKNOWN  # a class of the user's, which may have a way of its own to give items
        return tuple(container[(place[0] if place else 0) or 0 :])
    return _UNKNOWN


def _is_same_call(mine: _Call, its: _Call) -> bool:
    if mine[0] is not its[0] or mine[1] != its[1] or mine[2].keys() != its[2].keys():
        return False
    return all(_is_same(value, its[2][name]) for name, value in mine[2].items())


def _is_same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if type(one) in _CONTAINERS:
        return len(one) == len(other) <= _LARGEST and all(map(_is_same_value, one, other))
    return _is_same_value(one, other)


def _is_same_value(one: object, other: object) -> bool:
    if one is other:
        return True
    if type(one) is Lock and type(other) is Lock:
        return one.origin.private and other.origin.private  # each wait makes one
    return type(one) is type(other) and type(one) in _PLAIN and one == other
