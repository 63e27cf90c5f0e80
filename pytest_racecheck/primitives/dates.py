"""``datetime.now()`` and ``utcnow()`` in virtual time: a test that sleeps for a second finds a second gone by.

Their type is one of C's and can't be given other methods in the usual way, while a type in its place would not be the
one that other code checks for. So the methods are changed in the type's own dictionary, while an item is explored.
(``today()`` asks ``time.time``, which has a stand-in of its own.)
"""

from __future__ import annotations

import gc
import sys
import warnings
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

from pytest_racecheck.primitives.virtual_time import FUNCTIONS

_originals: Final[dict[str, Any]] = {}


def open_dates() -> None:
    """Puts the stand-ins in place, where the interpreter lets that be done."""
    found = gc.get_referents(vars(datetime))
    if sys.implementation.name != "cpython" or len(found) != 1 or type(found[0]) is not dict:
        return
    _originals.update({"now": vars(datetime)["now"], "utcnow": vars(datetime)["utcnow"]})
    _put({"now": classmethod(_now), "utcnow": classmethod(_utcnow)})


def close_dates() -> bool:
    """Takes them away, and says whether they were there. Harmless when called twice."""
    if not _originals:
        return False
    _put(_originals)
    _originals.clear()
    return True


def _put(methods: dict[str, Any]) -> None:
    import ctypes  # not for sessions that explore nothing

    (members,) = gc.get_referents(vars(datetime))
    members.update(methods)
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(datetime))  # what looked the methods up before looks again


def _now(cls: type[datetime], tz: tzinfo | None = None) -> datetime:
    """The present, in local time or in that of ``tz``."""
    return _at(cls, tz)


def _utcnow(cls: type[datetime]) -> datetime:
    """The present in UTC, as a date and time that does not say so."""
    if sys.version_info >= (3, 12):
        warnings.warn(
            "datetime.datetime.utcnow() is deprecated and scheduled for removal in a future version. "
            "Use timezone-aware objects to represent datetimes in UTC: datetime.datetime.now(datetime.UTC).",
            DeprecationWarning,
            stacklevel=2,
        )
    return _at(cls, UTC).replace(tzinfo=None)


def _at(cls: type[datetime], tz: tzinfo | None) -> datetime:
    nanoseconds = FUNCTIONS.time_ns()  # real time where that is not virtual
    return cls.fromtimestamp(nanoseconds // 1_000_000_000, tz).replace(microsecond=nanoseconds % 1_000_000_000 // 1000)
