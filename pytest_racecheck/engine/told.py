"""Loops that work until another thread says stop, which may sleep meanwhile: ``while not stop.is_set(): work()``.

Nothing that such a loop does ends it: no variable of its own, and nothing that its thread changes. So there is no need
to see it do what it would really do while a sleeper sleeps. Unless it works on what there is an end of, the items of a
queue or a list: whoever sleeps long enough expects all of them to be dealt with.
"""

from __future__ import annotations

import queue
import sys
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.engine.loops import told_loop
from pytest_racecheck.engine.memory import Location
from pytest_racecheck.engine.operation import MEMORY
from pytest_racecheck.engine.thread import WORK
from pytest_racecheck.engine.timed import Timed, is_tested

if TYPE_CHECKING:
    from types import FrameType

    from pytest_racecheck.engine.loops import Spot
    from pytest_racecheck.engine.thread import ControlledThread

#: So often, within so many operations, has a thread to come to where such a loop may end.
FEW_LOOKS: Final = 8
WATCHED: Final = 1_000

#: What takes one of several things, and what waits for one.
_TAKES: Final = frozenset(("pop", "popleft", "popitem", "remove", "discard", "next"))
_GETS: Final = frozenset(("get", "try-get", "file", "block"))

#: While somebody sleeps, threads have done at least so much before they seem to do nothing else: what a sleep is to let
#: others do first takes less, or the test would take seconds as it is. It takes less to see that they still do.
FIRST: Final = 2 * WORK
NEXT: Final = WORK // 4


class Watch:
    """What a thread does from its operation ``begun`` on, to find out whether it works until it is told to stop.

    ``looks``: how often it has come to where each loop may end. ``looked_at``: what it touched there. ``changed``: what
    it may have changed, there or elsewhere. ``items``: of which containers it used one item, and which. ``takes``: it
    works on what there is an end of.
    """

    __slots__ = ("begun", "changed", "items", "looked_at", "looks", "takes")

    def __init__(self, begun: int) -> None:
        self.begun = begun
        self.looks: dict[tuple[int, Spot], int] = {}
        self.looked_at: set[object] = set()
        self.changed: set[object] = set()
        self.items: dict[object, object] = {}
        self.takes = False

    def note(self, me: ControlledThread, here: tuple[int, Spot] | None) -> None:
        """``me`` is about to do something, ``here`` where such a loop may end."""
        resource: Any = me.resource
        is_memory = me.kind in MEMORY and hasattr(resource, "container")
        touched = me.location if is_memory else id(resource)
        if here is not None:
            self.looks[here] = self.looks.get(here, 0) + 1
            self.looked_at.add(touched)
        if me.kind != "read":
            self.changed.add(touched)
        if is_memory:
            # One whose number can't be told may be another one each time.
            another = resource.name == "[]" and (me.item is None or self.items.setdefault(touched, me.item) != me.item)
            self.takes = self.takes or another or resource.name in _TAKES
        elif me.kind in _GETS:
            self.takes = True

    def ends_by_itself(self) -> bool:
        """Whether the loop seems to come to an end without being told to.

        Or to the end of its work. The thread changes what it looks at itself; of locks that matters only if there is
        nothing else.
        """
        if self.takes:
            return True
        memory = {each for each in self.looked_at if type(each) is Location}
        return not self.changed.isdisjoint(memory or self.looked_at)


class Told(Timed):
    """A baton that knows of threads which work until they are told to stop."""

    def _goes_round_until_told(self, me: ControlledThread) -> bool:
        """Whether ``me``, which has worked on for long, is in such a loop. If so, it has had its turn.

        That takes several looks: until it is clear, the thread is looked at again with its next operation.
        """
        watch = me.watch = me.watch or Watch(me.ops)
        here = _told_at(sys._getframe(2))
        watch.note(me, here)
        watch.takes = watch.takes or _is_in_queue(sys._getframe(2))
        if here is not None and watch.looks[here] >= FEW_LOOKS and not watch.ends_by_itself():
            me.watch = None
            me.turned = True
            me.caught_up = False
            return True
        if me.ops - watch.begun < WATCHED:
            self._ask_after(me, 0)
        else:
            me.watch = None
        return False

    def _ask_after(self, me: ControlledThread, operations: int) -> None:
        """So many operations from now on, of all threads together, time may have passed."""
        worked = self._worked(me)
        me.tired = me.ops + operations
        self._work = worked - WORK + operations


def _is_in_queue(frame: FrameType | None) -> bool:
    """Whether a thread is in a method of a queue."""
    while frame is not None and not is_tested(frame.f_code.co_filename):
        if frame.f_code.co_filename == queue.__file__:
            return True
        frame = frame.f_back
    return False


def _told_at(frame: FrameType | None) -> tuple[int, Spot] | None:
    """The innermost such loop that a thread is about to leave or not, however many calls away."""
    while frame is not None:
        spot = told_loop(frame.f_code, frame.f_lasti) if is_tested(frame.f_code.co_filename) else None
        if spot is not None:
            return id(frame), spot
        frame = frame.f_back
    return None
