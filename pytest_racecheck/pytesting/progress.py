"""The live line while one item runs: how many interleavings are done, how fast, with how many threads.

It is written behind what pytest has written on the current line, and taken away again with backspaces, so that the
line reads as ever when the test has ended. No colours and no cursor commands: any terminal will do.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.engine import real

if TYPE_CHECKING:
    import pytest

#: Real seconds between two updates, and before the first: most tests are done by then.
INTERVAL: Final = 0.1


class ProgressLine:
    """``update`` is what the engine calls; it returns at once when nothing is to be shown."""

    def __init__(self, write: Callable[[str], None], room: Callable[[], int], interleavings: int) -> None:
        self._write = write
        self._room = room
        self._total = interleavings
        self._next = real.monotonic() + INTERVAL
        self._shown = 0

    def update(self, done: int, per_second: float, threads: int) -> None:
        """``done`` interleavings so far, ``per_second`` of real time, ``threads`` controlled threads in the last."""
        now = real.monotonic()
        if now >= self._next:
            self._next = now + INTERVAL
            self._show(f" {done:,}/{self._total:,} interleavings, {per_second:,.0f}/s, {threads} threads")

    def erase(self) -> None:
        """Leave the line as it was."""
        if self._shown:
            self._show("")

    def _show(self, text: str) -> None:
        text = text if len(text) <= self._room() else ""
        padded = text.ljust(self._shown)
        self._write(padded + "\b" * len(padded))
        self._shown = len(text)


def for_item(item: pytest.Item, interleavings: int) -> ProgressLine | None:
    """A progress line on the terminal of the session; None where it would disturb or no one would see it."""
    config = item.config
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or config.get_verbosity() < 0 or not reporter.isatty:
        return None
    capture: Any = config.pluginmanager.get_plugin("capturemanager")
    if config.getoption("capture", "no") in ("no", "tee-sys") or capture is None:
        return None  # the test itself writes to the terminal
    if config.getoption("setupshow", False) or config.getini("log_cli"):
        return None
    terminal = reporter._tw

    def write(text: str) -> None:
        with capture.global_and_fixture_disabled():
            terminal._file.write(text)
            terminal.flush()

    def room() -> int:
        return int(terminal.fullwidth) - int(terminal.width_of_current_line) - 1

    with contextlib.suppress(AttributeError):  # a terminal writer of another make
        room()
        return ProgressLine(write, room, interleavings)
    return None
