"""Where in the code of the user a thread is at the moment."""

from __future__ import annotations

import linecache
import os
import sys
import threading
from pathlib import Path
from types import CodeType, FrameType
from typing import Final

from pytest_racecheck.engine import current, real
from pytest_racecheck.engine.operation import Site

#: racecheck's own folder, as it was imported and as it is when links are followed.
OWN: Final = tuple({f"{path.parents[1]}{os.sep}" for path in (Path(__file__), Path(__file__).resolve())})
TUTORIAL: Final = tuple(f"{package}tutorial{os.sep}" for package in OWN)
_STANDARD: Final = str(Path(threading.__file__).parent) + os.sep
_PACKAGES: Final = _STANDARD + "site-packages" + os.sep

_sites: dict[tuple[CodeType, int], Site] = {}


def is_ours(file: str) -> bool:
    """Whether a file is one of racecheck's; the tutorial's programs count as the user's."""
    return file.startswith(OWN) and not file.startswith(TUTORIAL)


def is_users(file: str) -> bool:
    """Whether a file is neither the standard library's nor ours (the tutorial's programs count as the user's)."""
    if file.startswith(OWN):
        return not is_ours(file)
    return not file.startswith("<frozen") and (not file.startswith(_STANDARD) or file.startswith(_PACKAGES))


def site_of(frame: FrameType | None) -> Site | None:
    """The innermost place outside the standard library and racecheck, None if there is none."""
    while frame is not None and not is_users(frame.f_code.co_filename):
        frame = frame.f_back
    return site_at(frame)


def site_at(frame: FrameType | None) -> Site | None:
    """The place of a frame itself."""
    if frame is None:
        return None
    key = (frame.f_code, frame.f_lasti)
    site = _sites.get(key)
    if site is None:
        site = _sites[key] = _site(frame)
    return site


def current_site() -> Site | None:
    """`site_of` the calling thread."""
    return site_of(sys._getframe(1))


def _line(file: str, number: int) -> str:
    """A line of a file. That racecheck looks at it is no operation of the thread, which would want to be looked up."""
    me = current.thread
    if me is None or me.ident != real.get_ident():
        return linecache.getline(file, number)
    me.quiet += 1
    try:
        return linecache.getline(file, number)
    finally:
        me.quiet -= 1


def _site(frame: FrameType) -> Site:
    code = frame.f_code
    line = frame.f_lineno or 0
    text = _line(code.co_filename, line)
    stripped = text.strip()
    column = len(text) - len(text.lstrip())
    return Site(code.co_filename, line, column, line, column + len(stripped), code.co_qualname, stripped)
