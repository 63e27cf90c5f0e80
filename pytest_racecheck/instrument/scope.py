"""Which code is instrumented."""

from __future__ import annotations

import fnmatch
import os
import sys
import sysconfig
from typing import TYPE_CHECKING, Final

from pytest_racecheck.engine.places import OWN, TUTORIAL

if TYPE_CHECKING:
    from types import CodeType

#: A thread that parked in one of these would stop all others.
_NEVER: Final = (*OWN, "<frozen importlib.", "<frozen zipimport>")

_STANDARD_LIBRARY: Final = tuple(
    {os.path.join(os.path.realpath(path), "") for path in map(sysconfig.get_path, ("stdlib", "platstdlib")) if path}
    | {os.path.join(path, "") for path in map(sysconfig.get_path, ("stdlib", "platstdlib")) if path}
)
_INSTALLED: Final = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")

#: Top-level modules of site-packages that run the test and are no part of it.
_RUNNERS: Final = frozenset(
    {"_pytest", "pytest", "pluggy", "xdist", "execnet", "hypothesis", "coverage", "py", "_pydevd"}
)
_RUNNER_PREFIXES: Final = ("pytest_", "_hypothesis_", "_pytest_", "pydev", "_pydev", "debugpy")

#: Stand for names of attributes: every call, and every access and call.
CALLS: Final = "()"
EVERYTHING: Final = "*"

#: Lock-free accesses inside the standard library that are part of what a primitive means, by file and start of the
#: qualified name; and where it, or `racecheck.run`, calls what the test handed over, which may be a method in C of a
#: container of the test's. Everything else there happens under a lock, which is a scheduling point itself, or keeps no
#: shared state.
_LIBRARY: Final = os.path.dirname(os.path.abspath(os.__file__))
_PRIMITIVES: Final = {
    **{os.path.join(own, "pytesting", "threads.py"): {"run_together.": frozenset({CALLS})} for own in OWN},
    os.path.join(_LIBRARY, "threading.py"): {
        "Event.": frozenset({"_flag"}),
        "Barrier.": frozenset({"broken", "n_waiting", "_state", "_count", CALLS}),
        "Condition.wait_for": frozenset({CALLS}),
        "Thread.run": frozenset({CALLS}),
        "Timer.run": frozenset({CALLS}),
    },
    os.path.join(_LIBRARY, "concurrent", "futures", "_base.py"): {
        "Future._invoke_callbacks": frozenset({CALLS}),
    },
    os.path.join(_LIBRARY, "concurrent", "futures", "thread.py"): {
        "_worker": frozenset({"_shutdown", CALLS}),
        "_WorkItem.run": frozenset({CALLS}),
        "ThreadPoolExecutor.": frozenset({"_shutdown"}),
    },
    os.path.join(_LIBRARY, "weakref.py"): {
        f"{kind}.{method}": frozenset({EVERYTHING})
        for kind in ("WeakValueDictionary", "WeakKeyDictionary")
        for method in ("get", "__getitem__", "__setitem__", "__delitem__", "__contains__", "setdefault", "pop")
    },
}


class Scope:
    """Which code is instrumented: everything but the standard library, the test runner and racecheck itself.

    An entry of ``include`` and ``exclude`` is a module name ("random", "logging.handlers": that module and what is
    below), or, when it holds a slash or a wildcard or ends in ".py", a fragment or glob of the path ("*/vendor/*.py").
    ``include`` adds to the default, ``exclude`` takes away from both. Import machinery and racecheck itself stay out.
    """

    def __init__(self, include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> None:
        self.include = include
        self.exclude = exclude
        self._files: dict[str, bool] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scope) and (self.include, self.exclude) == (other.include, other.exclude)

    def __hash__(self) -> int:
        return hash((self.include, self.exclude))

    def __repr__(self) -> str:
        return f"Scope(include={self.include!r}, exclude={self.exclude!r})"

    def wants(self, code: CodeType) -> bool:
        """Whether the accesses of ``code`` are visible."""
        file = code.co_filename
        wanted = self._files.get(file)
        if wanted is None:
            wanted = self._files[file] = self._decide(file)
        return wanted

    def _decide(self, file: str) -> bool:
        if file.startswith(_NEVER) and not file.startswith(TUTORIAL):
            return False
        if _matches_any(self.exclude, file):
            return False
        return by_default(file) or _matches_any(self.include, file)


def by_default(file: str) -> bool:
    """Whether code of this file is instrumented when nothing is included or excluded."""
    if file.startswith("<frozen "):
        return False
    if file.startswith(OWN):
        return file.startswith(TUTORIAL)
    top = _top(file)
    if top:
        return top not in _RUNNERS and not top.startswith(_RUNNER_PREFIXES)
    return not file.startswith(_STANDARD_LIBRARY)


def in_library(file: str) -> bool:
    """Whether code of this file belongs to the standard library."""
    return file.startswith(_STANDARD_LIBRARY) and not _top(file)


def is_runner(file: str) -> bool:
    """Whether this file belongs to racecheck, pytest, or what else is never tested: a plugin may be, by its author."""
    return file.startswith(OWN) or _top(file) in _RUNNERS


def _top(file: str) -> str:
    """The top-level module of an installed file, empty for any other."""
    for marker in _INSTALLED:
        if marker in file:
            return file.rpartition(marker)[2].split(os.sep, 1)[0].removesuffix(".py")
    return ""


def special_attributes(code: CodeType) -> frozenset[str] | None:
    """What is visible in this code of the standard library, None for ordinary code: attributes by name, and `CALLS`."""
    for start, attributes in _PRIMITIVES.get(code.co_filename, {}).items():
        if code.co_qualname.startswith(start):
            return attributes
    return None


def _module_names(file: str) -> set[str]:
    """Every name under which this file could have been imported: it depends on where ``sys.path`` begins."""
    if file.startswith("<frozen "):
        return {file[len("<frozen ") : -1]}
    names = set()
    for entry in sys.path:
        base = os.path.join(os.path.abspath(entry), "")
        if file.startswith(base) and file.endswith(".py"):
            parts = file[len(base) : -len(".py")].split(os.sep)
            if parts[-1] == "__init__":
                parts.pop()
            names.add(".".join(parts))
    return names


def _matches_any(entries: tuple[str, ...], file: str) -> bool:
    if not entries:
        return False
    names = _module_names(file)
    return any(_matches(entry, file, names) for entry in entries)


def _matches(entry: str, file: str, names: set[str]) -> bool:
    if "/" in entry or "*" in entry or "?" in entry or entry.endswith(".py"):
        path = file.replace(os.sep, "/")
        if any(wildcard in entry for wildcard in "*?["):
            return fnmatch.fnmatchcase(path, entry)
        return entry in path
    return any(name == entry or name.startswith(entry + ".") for name in names)
