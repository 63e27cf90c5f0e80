"""The file system is shared memory too: calls that look at it or change it are scheduling points.

What matters is the order of such calls (a file that is looked for, then made), so the whole file system counts as one
resource. The calls themselves go to the originals; they are short, and the thread keeps the baton.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Final

from pytest_racecheck.engine import current, real
from pytest_racecheck.primitives.origin import Origin

_NAMES: Final = (
    "access", "chmod", "link", "listdir", "lstat", "mkdir", "open", "readlink", "remove", "rename", "replace", "rmdir",
    "scandir", "stat", "symlink", "truncate", "unlink", "utime",
)  # fmt: skip

#: Functions are looked up in these sets to see what they can do.
_CAPABILITIES: Final = ("supports_dir_fd", "supports_effective_ids", "supports_fd", "supports_follow_symlinks")

_LOOKS: Final = frozenset(("access", "listdir", "lstat", "readlink", "scandir", "stat"))

#: What `open` is told of that lets it change a file.
_CHANGES: Final = frozenset("wax+")
_CHANGING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class FileSystem:
    """The resource."""

    def __init__(self) -> None:
        self.name = "file system"
        self.origin = Origin()
        self.user: Any = None

    def forget(self) -> None:
        """What one item showed does not count for the next."""
        self.origin.shared = False
        self.user = None


FILE_SYSTEM: Final = FileSystem()


class _Call:
    """One function; its bound method `call` is the stand-in, since the original is no descriptor either."""

    def __init__(self, original: Callable[..., Any]) -> None:
        self._original = original
        self.name = original.__name__

    def call(self, *args: Any, **kwargs: Any) -> Any:
        me = current.thread
        if me is not None and current.concurrent and me.ident == real.get_ident() and not me.quiet:
            scheduler = me.scheduler
            if not FILE_SYSTEM.origin.shared:
                FILE_SYSTEM.origin.seen(FILE_SYSTEM, me)
            if FILE_SYSTEM.origin.shared:
                scheduler.point(me, "file", FILE_SYSTEM)
            else:
                scheduler.passing(me, "file", FILE_SYSTEM)
            hashes = scheduler.hashes
            me.state_hash = hashes[FILE_SYSTEM] = hash((me.state_hash, hashes.get(FILE_SYSTEM, 0)))
        return self._original(*args, **kwargs)


class _Open(_Call):
    """`open`, which also makes file objects of descriptors."""

    def call(self, *args: Any, **kwargs: Any) -> Any:
        me = current.thread
        if me is not None and args and type(args[0]) is int and me.ident == real.get_ident() and not me.quiet:
            from pytest_racecheck.primitives import pipes

            if pipes.is_channel(args[0]) and not kwargs.get("opener"):
                kwargs.pop("opener", None)
                return pipes.open_channel(*args, **kwargs)
        return super().call(*args, **kwargs)


def described(frame: FrameType | None) -> tuple[str, str, bool]:
    """What a thread in ``frame`` is about to do: the name of the function, the path, whether it changes the file.

    Runs no code of the user: a path that is an object of another kind than `pathlib`'s own has no name here.
    """
    while frame is not None and frame.f_code is not _Call.call.__code__:
        frame = frame.f_back
    if frame is None:
        return "", "", False
    name, args, kwargs = frame.f_locals["self"].name, frame.f_locals["args"], frame.f_locals["kwargs"]
    path = args[0] if args else ""
    changes = name not in _LOOKS
    if name == "open":
        mode = kwargs.get("mode", args[1] if len(args) > 1 else "r")
        changes = bool(mode & _CHANGING) if type(mode) is int else type(mode) is str and not _CHANGES.isdisjoint(mode)
    return name, os.fsdecode(path) if type(path) in (str, bytes, type(Path())) else "", changes


_CALLS: Final = [
    (io.open, _Open(io.open).call),
    *((getattr(os, name), _Call(getattr(os, name)).call) for name in _NAMES if hasattr(os, name)),
]


def stand_ins() -> Iterator[tuple[Callable[..., Any], Callable[..., Any]]]:
    """Every original with what takes its place."""
    yield from _CALLS


def capabilities() -> Iterator[set[Any]]:
    """The sets of functions that have to know the stand-ins as well."""
    for name in _CAPABILITIES:
        yield getattr(os, name, set())
