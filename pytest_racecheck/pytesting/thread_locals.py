"""Finds what ``threading.local`` objects hold for the calling thread, without looking for the objects.

A local object keeps a dictionary for each thread. Where the interpreter remembers for which objects a thread has one
differs: up to 3.12, in the dictionary of the thread's state; from 3.13 on, each of them has a weak reference to an
object of the thread's, so as to be told when that ends.
"""

from __future__ import annotations

import _thread
import ctypes
import gc
import sys
import weakref
from typing import Any, Final, NamedTuple, Protocol

_PREFIX: Final = "thread.local."


class _Known(NamedTuple):
    """What a local object has, from 3.13 on: its dictionaries, by thread, and the weak references that watch those."""

    reference: weakref.ref[Any]
    dictionaries: dict[Any, dict[str, Any]]
    watches: set[weakref.ref[Any]]


class ThreadLocals(Protocol):
    """Those of the thread that made this. Keys stand for local objects as long as these are there."""

    def mark(self) -> object:
        """Equal to an earlier one if no local object has come or gone meanwhile. Cheap."""

    def values(self) -> dict[Any, dict[str, Any]]:
        """The dictionaries themselves."""

    def local(self, key: Any) -> Any | None:
        """The local object; None when it is gone."""

    def drop(self, key: Any) -> None:
        """Has the object begin anew for this thread, as for any new one."""


class _InThreadState:
    """Up to 3.12."""

    def __init__(self) -> None:
        function = ctypes.PyDLL(None).PyThreadState_GetDict
        function.restype = ctypes.c_void_p
        address = function()
        self._state: dict[Any, Any] = {} if not address else ctypes.cast(address, ctypes.py_object).value

    def mark(self) -> object:
        return frozenset(self._state)

    def values(self) -> dict[Any, dict[str, Any]]:
        get = _thread._local.__getattribute__
        # An entry is there no longer than its object.
        return {key: get(local, "__dict__") for key in list(self._state) if (local := self.local(key)) is not None}

    def local(self, key: Any) -> Any | None:
        if type(key) is not str or not key.startswith(_PREFIX) or key not in self._state:
            return None
        return ctypes.cast(int(key.removeprefix(_PREFIX), 16), ctypes.py_object).value

    def drop(self, key: Any) -> None:
        self._state.pop(key, None)


class _WeaklyReferring:
    """From 3.13 on."""

    def __init__(self) -> None:
        local: Any = _thread._local()
        local.known = True
        referred = gc.get_referents(local)
        watches: set[weakref.ref[Any]] = next(each for each in referred if type(each) is set)
        #: What all of them refer to, and what they have this thread's dictionary under.
        self._watched = next(iter(watches))()
        self._thread = next(key for each in referred if type(each) is dict for key in each)
        #: By the id of the reference, which nobody else gets meanwhile: it is kept.
        self._known: dict[int, _Known] = {}

    def mark(self) -> object:
        return list(map(id, weakref.getweakrefs(self._watched)))

    def values(self) -> dict[Any, dict[str, Any]]:
        found = {}
        known: dict[int, _Known] = {}
        for reference in weakref.getweakrefs(self._watched):
            each = self._known.get(id(reference)) or self._meet(reference)
            if each is not None:
                known[id(reference)] = each
                if self._thread in each.dictionaries:
                    found[id(reference)] = each.dictionaries[self._thread]
        self._known = known
        return found

    def _meet(self, reference: weakref.ref[Any]) -> _Known | None:
        local = _local_of(reference)
        referred = [] if local is None else gc.get_referents(local)
        dictionaries = [each for each in referred if type(each) is dict and self._thread in each]
        watches = [each for each in referred if type(each) is set and reference in each]
        return _Known(reference, dictionaries[0], watches[0]) if dictionaries and watches else None

    def local(self, key: Any) -> Any | None:
        known = self._known.get(key)
        return None if known is None else _local_of(known.reference)

    def drop(self, key: Any) -> None:
        known = self._known.pop(key)
        known.watches.discard(known.reference)
        known.dictionaries.pop(self._thread, None)


def _local_of(reference: weakref.ref[Any]) -> Any | None:
    """The local object that is to be told by a weak reference."""
    told: Any = getattr(reference.__callback__, "__self__", None)
    return told[0]() if type(told) is tuple and type(told[0]) is weakref.ref else None


def of_this_thread() -> ThreadLocals:
    """What local objects hold for the calling thread."""
    return _WeaklyReferring() if sys.version_info >= (3, 13) else _InThreadState()
