"""What ``threading.local`` objects and context variables hold for the thread that runs the tests.

Threads that a test starts take theirs along when they end. The thread that runs the body and the fixtures goes on, and
what one interleaving leaves in such a place must not be there in the next.
"""

from __future__ import annotations

import _thread
import contextlib
import ctypes
import gc
import operator
import warnings
import weakref
from contextvars import Context, copy_context
from itertools import chain
from typing import Any, Final

from pytest_racecheck.pytesting import thread_locals

_MISSING: Final = object()

_enter, _exit = ctypes.PyDLL(None).PyContext_Enter, ctypes.PyDLL(None).PyContext_Exit
_enter.argtypes = _exit.argtypes = [ctypes.py_object]


class ThreadValues:
    """Those of the calling thread as they are now, to be put back between interleavings.

    Between ``come_back`` and ``leave``, what changes is an interleaving's. What changes at other times (wider fixtures,
    hooks of other plugins) is to stay, and every interleaving is to find it.
    """

    def __init__(self) -> None:
        self._thread = _thread.get_ident()
        self._inside = False
        self._locals = _Locals()
        #: The variables that every interleaving is to find.
        self._variables = copy_context()
        #: The context of the interleaving, once there is need for one.
        self._context: Context | None = None
        self._outside = self._variables

    def leave(self) -> None:
        """What changes from here on is no interleaving's."""
        if self._inside:
            self._inside = False
            if self._context is not None and not _is_done(_exit, self._context):
                self._context = None
            self._outside = copy_context()
            self._locals.leave()

    def come_back(self) -> None:
        """What changes from here on is an interleaving's."""
        if self._inside or _thread.get_ident() != self._thread:
            return
        self._inside = True
        self._locals.come_back()
        for variable, value in _differences(copy_context(), self._outside).items():
            self._variables.run(variable.set, value)
            if self._context is not None:
                self._context.run(variable.set, value)
        if self._context is not None and not _is_done(_enter, self._context):
            self._context = None

    def restore(self) -> None:
        """Puts back what the interleaving changed."""
        if not self._inside or _thread.get_ident() != self._thread:
            return
        self._locals.restore()
        now = copy_context()
        if len(now) == len(self._variables) and not _differences(now, self._variables):
            return
        # A variable can't be told to have no value again.
        if self._context is None or _is_done(_exit, self._context):
            self._context = self._variables.run(copy_context)
            _is_done(_enter, self._context)
        else:  # someone else entered one, and is still in it
            self._context = None


def _differences(now: Context, then: Context) -> dict[Any, Any]:
    """The variables that have a value now that they did not have then."""
    return {variable: value for variable, value in now.items() if then.get(variable, _MISSING) is not value}


def _is_done(step: Any, context: Context) -> bool:
    """Whether a context could be entered, or left."""
    with contextlib.suppress(RuntimeError):
        step(context)
        return True
    return False


class _Locals:
    """The part of the local objects."""

    def __init__(self) -> None:
        self._locals = thread_locals.of_this_thread()
        #: Object by object, what it is to hold; and the dictionaries themselves.
        self._kept: dict[Any, dict[str, Any]] = {}
        self._now: dict[Any, dict[str, Any]] = {}
        #: Objects that interleavings made, and left somewhere for those to come.
        self._made: dict[Any, weakref.ref[Any]] = {}
        self._outside: dict[Any, dict[str, Any]] = {}
        self.come_back()

    def leave(self) -> None:
        self._outside = {key: dict(values) for key, values in self._locals.values().items()}

    def come_back(self) -> None:
        for key, now in self._locals.values().items():
            then = self._outside.get(key, {})
            changed = {name: value for name, value in now.items() if then.get(name, _MISSING) is not value}
            gone = then.keys() - now.keys()
            if key in self._kept:
                kept = self._kept[key]
                self._kept[key] = {name: value for name, value in kept.items() if name not in gone} | changed
            elif changed or gone or key not in self._outside:
                self._kept[key] = dict(now)
                self._now[key] = now
        self._settle()

    def _settle(self) -> None:
        self._mark = self._locals.mark()
        self._dictionaries = list(self._now.values())
        self._values = list(chain.from_iterable(map(dict.values, self._kept.values())))

    def restore(self) -> None:
        dictionaries = self._dictionaries
        if (
            self._mark == self._locals.mark()
            and sum(map(len, dictionaries)) == len(self._values)
            and all(map(operator.is_, chain.from_iterable(map(dict.values, dictionaries)), self._values))
        ):
            return
        with warnings.catch_warnings():
            # What is dropped here would have been kept to the end of the process.
            warnings.simplefilter("ignore", ResourceWarning)
            for key, now in self._now.items():
                now.clear()
                now.update(self._kept[key])
            self._drop_others()
        self._settle()

    def _drop_others(self) -> None:
        """Drops what is in local objects that held nothing for this thread before.

        Objects that the interleaving itself made keep theirs: whoever kept the object may rely on that.
        """
        young: set[int] | None = None
        for key in self._locals.values().keys() - self._kept.keys():
            local = self._locals.local(key)
            if local is None or (key in self._made and self._made[key]() is local):
                continue
            if young is None:
                young = {id(each) for each in gc.get_objects(generation=0)}
            if id(local) in young:
                self._made[key] = weakref.ref(local)
            else:
                self._locals.drop(key)
