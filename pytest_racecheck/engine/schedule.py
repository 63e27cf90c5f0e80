"""A schedule: the value that decides every scheduling choice of a run, and its form as a token.

It lists what differs from the serial schedule, in which each thread runs until it blocks or ends and the one that was
started first goes next. So the empty schedule is the serial one, and the fewer entries, the simpler the run.

Inside a process a deviation is named by the number of the operation in its thread. A token, which has to hold on other
versions of Python and after edits elsewhere in the file, names it by a mark: thread, kind of operation, file, function,
source text, and how often the thread did that before.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Sequence
from json import dumps, loads  # by name: a test may put others in their place
from typing import Any, Final

from pytest_racecheck.engine.errors import ReplayError

#: At operation number ``ops`` (counted in the thread) of the thread named by its path, the other path goes on.
Deviation = tuple[str, int, str]
Schedule = tuple[Deviation, ...]

#: A place where a run could have gone on otherwise: the thread's path and operation, whether it could have stayed, and
#: the paths of the others that could have gone on.
Choice = tuple[str, int, bool, tuple[str, ...]]

#: Path of the thread, kind of operation, file name, function, source text, occurrence (from 1).
Mark = tuple[str, str, str, str, str, int]

#: Where to deviate, and the path of the thread that goes on.
MarkedDeviation = tuple[Mark, str]

VERSION: Final = 1
_PREFIX: Final = "rc"


def encode(deviations: Sequence[MarkedDeviation], naps: bool) -> str:
    """The token for a schedule: one word, with a version and a checksum. ``naps`` as in the scheduler."""
    entries: list[Any] = [int(naps), *([*mark, target] for mark, target in deviations)]
    data = dumps(entries, separators=(",", ":"), ensure_ascii=False)
    packed = zlib.compress(data.encode(), 9)
    checked = packed + zlib.crc32(packed).to_bytes(4, "big")
    return f"{_PREFIX}{VERSION}-{base64.urlsafe_b64encode(checked).decode().rstrip('=')}"


def decode(token: str) -> tuple[list[MarkedDeviation], bool]:
    """What `encode` was given. Raises ReplayError for anything that it did not make."""
    head, _, body = token.strip().partition("-")
    if not head.startswith(_PREFIX) or not head[len(_PREFIX) :].isdigit():
        raise ReplayError(f"{token!r} is no replay token: one starts with {_PREFIX}{VERSION}- (copy the whole of it)")
    if int(head[len(_PREFIX) :]) > VERSION:
        raise ReplayError(
            f"{token!r} was made by a newer racecheck (token version {head[len(_PREFIX) :]}; this one reads up to "
            f"{VERSION}): upgrade pytest-racecheck"
        )
    try:
        checked = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        packed, checksum = checked[:-4], checked[-4:]
        if zlib.crc32(packed).to_bytes(4, "big") != checksum:
            raise ValueError
        naps, *entries = loads(zlib.decompress(packed))
        return [_entry(entry) for entry in entries], bool(naps)
    except (ValueError, TypeError, binascii.Error, zlib.error, RecursionError):
        raise ReplayError(f"{token!r} is damaged: copy the whole token, without blanks or line ends in it") from None


def _entry(entry: list[Any]) -> MarkedDeviation:
    path, kind, file, function, source, occurrence, target = entry
    texts = (path, kind, file, function, source, target)
    if not all(isinstance(text, str) for text in texts) or type(occurrence) is not int:
        raise ValueError
    return (path, kind, file, function, source, occurrence), target
