"""Runs written down by hand, for detectors."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_racecheck.detect.events import Event, Trace, Turn
from pytest_racecheck.engine.operation import Site
from pytest_racecheck.report.model import Frame

if TYPE_CHECKING:
    from pathlib import Path


class Program:
    """The source of one function, and events at its lines, which are named by a piece of their text."""

    def __init__(self, path: Path, source: str) -> None:
        self.file = str(path)
        path.write_text(source, encoding="utf-8")
        self._lines = source.splitlines()

    def at(self, text: str, expression: str, thread: str, kind: str, **more: Any) -> Event:
        """An access to "x", unless told otherwise, by ``expression`` in the first line with ``text``."""
        number = next(n for n, line in enumerate(self._lines, 1) if text in line)
        column = self._lines[number - 1].index(expression)
        site = Site(self.file, number, column, number, column + len(expression), "f", expression)
        stack = (Frame(self.file, number, "f", self._lines[number - 1].strip()),)
        known = {"resource": "x", "identity": 1, "memory": True, "site": site, "stack": stack, **more}
        return Event(0, thread, kind, **known)


def event(thread: str, kind: str, identity: int = 0, **more: Any) -> Event:
    """An event without a place in the source."""
    return Event(0, thread, kind, f"r{identity}", identity, **more)


def numbered(*events: Event) -> list[Event]:
    """The events in the order in which they happened."""
    return [replace(each, n=n) for n, each in enumerate(events)]


def trace(*events: Event, preempted: bool = True, **more: Any) -> Trace:
    """A run of these events, with the switches between its threads."""
    known = numbered(*events)
    turns = [
        Turn(second.n, first.thread, second.thread, preempted)
        for first, second in itertools.pairwise(known)
        if first.thread != second.thread
    ]
    return Trace(known, turns, **more)
