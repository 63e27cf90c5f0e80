"""Where a synchronisation object was made, for telling shared ones from private ones across runs.

Each run makes its objects anew, so what was learnt about one is kept by the place of its creation: once two threads
used one lock from a place, every operation on a lock from there is a scheduling point.
"""

from __future__ import annotations

import importlib
import threading
from typing import TYPE_CHECKING, Any, ClassVar

from pytest_racecheck.engine import current

if TYPE_CHECKING:
    from types import CodeType, FrameType

    from pytest_racecheck.engine.thread import ControlledThread

_THREADING = threading.__file__
_CONDITION_WAIT = threading.Condition.wait.__code__
_MODULE_LOCK = importlib._bootstrap._ModuleLock.__init__.__code__  # type: ignore[attr-defined]


class Origin:
    """One place that makes synchronisation objects.

    ``shared``: two threads used one of its objects. ``observed``: somebody looked whether one was taken, without
    waiting, so that the moment of a release can be seen. ``handed``: who takes one leaves it to others to release it.
    """

    __slots__ = ("handed", "observed", "private", "shared")

    #: How often something new was learnt about any origin: more operations are scheduling points since then.
    learnt: ClassVar[int] = 0

    #: Each origin that is met counts as shared and observed, known to be or not: for following a token.
    every: ClassVar[bool] = False

    outside: ClassVar[Origin]
    waiter: ClassVar[Origin]

    def __init__(self, shared: bool = False, private: bool = False, handed: bool = False) -> None:
        self.shared = shared
        self.observed = False
        self.private = private
        self.handed = handed

    def seen(self, resource: Any, me: ControlledThread) -> None:
        """``me`` uses ``resource``, an object from here that has a slot ``user``."""
        if self.private or not current.concurrent:
            return
        user = resource.user
        if user is None:
            resource.user = me
        elif user is not me and getattr(user, "scheduler", None) is me.scheduler:  # one of an earlier run has none
            self.shared = True
            Origin.learnt += 1

    def look(self) -> None:
        """Somebody can see when one of its objects is released."""
        if not self.observed:
            self.observed = True
            Origin.learnt += 1


#: Objects that were there before the run: in a module, in a fixture of a wider scope. They are few, and usually shared.
Origin.outside = Origin(shared=True)

#: The lock that `Condition.wait` makes for one waiter: taken by it before anyone else knows it, so there is no choice.
Origin.waiter = Origin(private=True, handed=True)

_origins: dict[tuple[CodeType, int], Origin] = {}


def origin_of(frame: FrameType | None) -> Origin:
    """The origin of an object that is made in ``frame``, or, if that is in `threading` or `queue`, in its caller."""
    if frame is not None and frame.f_code is _CONDITION_WAIT:
        return Origin.waiter
    for _ in range(6):
        if frame is None or frame.f_code.co_filename != _THREADING:
            break
        frame = frame.f_back
    if frame is None:
        return Origin.outside
    key = (frame.f_code, frame.f_lasti)
    origin = _origins.get(key)
    if origin is None:
        # Who waits for another thread's import takes a lock, which that thread releases.
        origin = _origins[key] = Origin(handed=frame.f_code is _MODULE_LOCK)
    if Origin.every:
        origin.shared = origin.observed = True
    return origin


def forget() -> None:
    """Forgets what was learnt, when an item ends: the next one must not depend on it."""
    _origins.clear()
    Origin.every = False
    Origin.outside.observed = Origin.waiter.observed = False
