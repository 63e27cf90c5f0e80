"""Locks that are older than the stand-ins and stay real: no thread is preempted while it holds one.

A thread parked with such a lock in its hands would block the next one for real, where the scheduler can't see it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Collection
from typing import Any

from pytest_racecheck.engine import real

_rlock_type: Any = type(real.rlock())
_held: list[Callable[[], bool]] = []
_rlocks: list[Any] = []
_found = False


def forget() -> None:
    """The stand-ins come in just now."""
    global _found
    _found = False
    _held.clear()
    _rlocks.clear()


def find() -> None:
    """Collects the locks in the standard library's modules and in the handlers that `logging` knows already.

    To be called before the first test that has to know: many sessions have none.
    """
    global _found
    if _found:
        return
    _found = True
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in sys.stdlib_module_names and name != "__main__":
            for value in list(getattr(module, "__dict__", {}).values()):
                _add(value)
    logging = sys.modules.get("logging")
    if logging is not None:
        for reference in list(logging._handlerList):
            handler = reference()
            _add(getattr(handler, "lock", None))


def _add(value: Any) -> None:
    # What is locked now is locked for reasons of its own (a thread's sentinel), not because of a critical section.
    if isinstance(value, _rlock_type):
        if not value._is_owned():
            _held.append(value._is_owned)
            _rlocks.append(value)
    elif isinstance(value, real.lock_type) and not value.locked():
        _held.append(value.locked)


def held() -> bool:
    """Whether the calling thread holds one of them (or, for a plain lock, any thread does)."""
    return any(is_held() for is_held in _held)


def held_by(threads: Collection[int]) -> list[Any]:
    """Those that one of ``threads`` holds (and that threads may take again: who holds another lock is not known)."""
    return [lock for lock in _rlocks if _owner(lock) in threads]


def free(threads: Collection[int]) -> None:
    """Takes them from ``threads``, which do not come back to release them: logging's lock is in everybody's way."""
    for lock in held_by(threads):
        lock._at_fork_reinit()


def _owner(lock: Any) -> int:
    shown = repr(lock)
    found = re.search(r" owner=(\d+) ", shown) if shown.startswith("<locked") else None
    return 0 if found is None else int(found[1])
