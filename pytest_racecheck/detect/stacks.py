"""Stacks of threads: which frames are the reader's code, which are the standard library's, pytest's or ours."""

from __future__ import annotations

import functools
import inspect
import linecache
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_racecheck.engine import unreadable
from pytest_racecheck.report.model import Frame

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_LIBRARY: Final = str(Path(threading.Thread.run.__code__.co_filename).parent) + os.sep
_OURS: Final = str(Path(__file__).absolute().parent.parent) + os.sep
_TUTORIAL: Final = _OURS + "tutorial" + os.sep  # programs under test that we happen to ship
_PYTEST: Final = frozenset({"pytest", "_pytest", "pluggy", "xdist", "execnet"})
_RUNNERS: Final = _PYTEST | {"hypothesis", "_hypothesis_pytestplugin"}

#: No report shows more calls of one thread than this, counted from the innermost.
MAX_FRAMES: Final = 8


@functools.lru_cache(maxsize=4096)
def library_name(filename: str) -> str | None:
    """The path of a file inside the standard library ("concurrent/futures/thread.py"), None for any other file."""
    if filename.startswith("<frozen "):
        return filename
    if not filename.startswith(_LIBRARY):
        return None
    name = filename[len(_LIBRARY) :].replace(os.sep, "/")
    return None if name.startswith(("site-packages/", "dist-packages/")) else name


@functools.lru_cache(maxsize=4096)
def _is_ours(filename: str) -> bool:
    path = str(Path(filename).absolute())
    return path.startswith(_OURS) and not path.startswith(_TUTORIAL)


def _package(frame: FrameType) -> str:
    name = frame.f_globals.get("__name__")
    if type(name) is not str:
        return ""
    package = name.partition(".")[0]
    # Hypothesis disguises the function that it puts in place of a test; what it was made in keeps its name.
    return "hypothesis" if package.startswith("hypothesis_temporary_module") else package


class InnermostFrames:
    """A context: the innermost frame of each thread, by its identity. Empty afterwards.

    The caller's own frame is among them. It must not hold itself: what its thread has in hand would live on until the
    garbage collector comes by, and some of that is not made for it (3.12.1 crashes on a pickle for another process).
    """

    def __enter__(self) -> dict[int, FrameType]:
        self._frames = sys._current_frames()
        self._frames[threading.get_ident()] = sys._getframe(1)
        return self._frames

    def __exit__(self, *_: object) -> None:
        self._frames.clear()


def outward(frame: FrameType | None) -> Iterator[FrameType]:
    """The frame and its callers, innermost first."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def library_frames(frame: FrameType | None) -> list[FrameType]:
    """The standard library's frames between the place where a thread blocks and the innermost user frame.

    Innermost first; racecheck's own frames in between are left out.
    """
    found = []
    for candidate in outward(frame):
        filename = candidate.f_code.co_filename
        if library_name(filename) is not None:
            found.append(candidate)
        elif not _is_ours(filename):
            break
    return found


def user_frames(frame: FrameType | None) -> list[FrameType]:
    """The frames of the code under test, innermost first: down to where pytest called it."""
    found: list[FrameType] = []
    for candidate in outward(frame):
        filename = candidate.f_code.co_filename
        package = _package(candidate)
        if found and package in _PYTEST:
            break
        if library_name(filename) is None and not _is_ours(filename) and package not in _RUNNERS:
            found.append(candidate)
    return found


def report_stack(frame: FrameType | None) -> list[Frame]:
    """The stack to show, outermost first: user frames; where a thread runs none, what it runs of the library."""
    frames = user_frames(frame)[:MAX_FRAMES]
    outermost = None if frames else outermost_library_frame(frame)
    return [frame_of(each) for each in (reversed(frames) if outermost is None else [outermost])]


def outermost_library_frame(frame: FrameType | None) -> FrameType | None:
    """What a thread runs of the standard library, but for what runs any thread; None if it is nothing."""
    return next((each for each in reversed(library_frames(frame)) if not _is_start(each)), None)


def _is_start(frame: FrameType) -> bool:
    return frame.f_code.co_qualname in {"Thread._bootstrap", "Thread._bootstrap_inner", "Thread.run"}


def frame_of(frame: FrameType) -> Frame:
    """What a report says of one call."""
    code, line = frame.f_code, frame.f_lineno or frame.f_code.co_firstlineno
    return Frame(code.co_filename, line, code.co_qualname, linecache.getline(code.co_filename, line).strip())


def local(frame: FrameType, name: str) -> object:
    """The value of a local variable of a function's frame; None when it has none of that name (any more)."""
    if not frame.f_code.co_flags & inspect.CO_OPTIMIZED:
        return None  # a class body: its namespace may be a mapping with code of its own
    try:
        return unreadable.read(frame, name) if name in unreadable.unreadable(frame.f_code) else frame.f_locals[name]
    except KeyError:
        return None


def local_variables(frame: FrameType) -> dict[str, object]:
    """All local variables of a function's frame; none of any other frame, as with `local`."""
    return unreadable.variables(frame) if frame.f_code.co_flags & inspect.CO_OPTIMIZED else {}
