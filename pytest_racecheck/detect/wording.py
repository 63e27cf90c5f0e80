"""Events in words, for the sentences that detectors write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pytest_racecheck.detect.events import Event

_DID: Final = {"read": "read it", "write": "wrote it", "update": "changed it"}


def place(event: Event) -> str:
    """As in ``bank.py:27``: the reader knows which folder that is in, and the report says so next to it."""
    file, line = event.line
    return at(file, line) if file else "an unknown place"


def did(event: Event) -> str:
    """As in ``T2 wrote it at bank.py:32``."""
    return f"{event.thread} {_DID.get(event.kind, event.kind)} at {place(event)}"


def did_to(event: Event) -> str:
    """As in ``wrote pair.a at bank.py:32``."""
    return f"{_DID.get(event.kind, event.kind).removesuffix(' it')} {event.resource} at {place(event)}"


def at(file: str, line: int) -> str:
    """As in ``bank.py:27``."""
    return f"{file.replace(chr(92), '/').rpartition('/')[2]}:{line}"
