"""File objects on pipes and terminals: their reads and writes wait without blocking, too.

`open` and `os.fdopen`, and through them `subprocess`, make such a file from a descriptor. The file below all buffers
is then of a subclass of `io.FileIO`; everything above it is the standard library's.
"""

from __future__ import annotations

import io
import os
import stat
from typing import TYPE_CHECKING, Any

from pytest_racecheck.primitives.channels import acted, controlled, reads, touch, writes

if TYPE_CHECKING:
    from collections.abc import Callable


class ChannelFile(io.FileIO):
    """A file whose descriptor belongs to a pipe, a socket or a terminal."""

    def readinto(self, buffer: Any, /) -> int | None:
        """As the original."""
        count: int | None = self._reading(super().readinto, buffer)
        return count

    def read(self, size: Any = -1, /) -> Any:
        """As the original."""
        return self.readall() if size is None or size < 0 else self._reading(super().read, size)

    def readall(self) -> bytes:
        """As the original, which would block until the other end is closed."""
        if controlled() is None:
            return super().readall()
        pieces = []
        while piece := self.read(io.DEFAULT_BUFFER_SIZE):
            pieces.append(piece)
        return b"".join(pieces)

    def write(self, data: Any, /) -> int | None:  # type: ignore[override]
        """As the original."""
        me = controlled()
        if me is None or self.closed:
            return super().write(data)
        return writes(me, self.fileno(), data, super().write)

    def close(self) -> None:
        """As the original."""
        me = controlled()
        if me is None or self.closed:
            super().close()
            return
        touch(me)
        super().close()
        acted(me)

    def _reading(self, original: Callable[..., Any], argument: Any) -> Any:
        me = controlled()
        if me is None or self.closed:
            return original(argument)
        reads(me, self.fileno())
        found = original(argument)
        acted(me)
        return found


def is_channel(descriptor: int) -> bool:
    """Whether reading from ``descriptor`` may block for longer than a disk takes."""
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)


def open_channel(
    file: int,
    mode: str = "r",
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,
) -> Any:
    """What `open` returns for a descriptor, as its documentation puts it together."""
    binary = "b" in mode
    raw = ChannelFile(file, mode.replace("b", "").replace("t", ""), closefd)
    try:
        line_buffering = buffering == 1 or (buffering < 0 and raw.isatty())
        if buffering == 0:
            if not binary:
                raise ValueError("can't have unbuffered text I/O")
            return raw
        size = io.DEFAULT_BUFFER_SIZE if buffering < 0 or buffering == 1 else buffering
        buffer = io.BufferedWriter(raw, size) if raw.writable() else io.BufferedReader(raw, size)
        if binary:
            return buffer
        text = io.TextIOWrapper(buffer, encoding, errors, newline, line_buffering)
        text.mode = mode  # type: ignore[misc]
    except BaseException:
        raw.close()
        raise
    return text
