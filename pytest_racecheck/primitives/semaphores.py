"""The stand-ins for the locks of `multiprocessing`, which threads may share with other processes.

All of them are made of one type written in C, which the classes of `multiprocessing.synchronize` hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pytest_racecheck.primitives.channels import acted, controlled, limit, touch

_PLACE: Final = "a lock of multiprocessing"


class _Methods:
    """`acquire` and `release` of one lock."""

    def __init__(self, lock: Any) -> None:
        self._acquire = lock._semlock.acquire
        self._release = lock._semlock.release

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """As the original."""
        me = controlled()
        if me is None:
            return bool(self._acquire(block, timeout))
        touch(me)
        me.scheduler.external.places.add(_PLACE)
        if self._acquire(False):
            return True
        if not block:
            return False
        timeout = None if timeout is None else max(timeout, 0.0)
        return me.scheduler.external.repeat(me, lambda: bool(self._acquire(False)), limit(timeout), _PLACE)

    def release(self) -> None:
        """As the original."""
        me = controlled()
        if me is None:
            self._release()
            return
        touch(me)
        self._release()
        acted(me)


def _with_stand_ins(self: Any) -> None:
    methods = _Methods(self)
    self.acquire = methods.acquire
    self.release = methods.release


def _enter(self: Any) -> bool:
    return bool(self.acquire())


def _leave(self: Any, *_: object) -> None:
    self.release()


def stand_ins() -> Iterator[tuple[type, str, Any]]:
    """The class, and the name of each method with its stand-in."""
    from multiprocessing import synchronize

    for name, method in (("_make_methods", _with_stand_ins), ("__enter__", _enter), ("__exit__", _leave)):
        yield synchronize.SemLock, name, method
