"""Events in words, for the sentences that detectors write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from pytest_racecheck.report.files import short_file, short_files

if TYPE_CHECKING:
    from pytest_racecheck.detect.events import Event

_DID: Final = {"read": "read it", "write": "wrote it", "update": "changed it"}


#: What files are called in the sentences that are being written.
_names: dict[str, str] = {}


@contextmanager
def told_apart(files: Iterable[str]) -> Iterator[None]:
    """Sentences that are written inside tell these files apart, by more than their names where it takes that."""
    _names.update(short_files(set(files)))
    try:
        yield
    finally:
        _names.clear()


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
    return f"{_names.get(file) or short_file(file)}:{line}"
