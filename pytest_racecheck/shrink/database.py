"""Failing schedules of earlier sessions: tried first, so that a failure that was found once is found at once.

Kept through Hypothesis's `ExampleDatabase`, in a directory for each test, so that Hypothesis, which takes half a second
to import, is needed only where there is something to read or to write.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hypothesis.database import ExampleDatabase

_KEY: Final = b"failing schedules"


class FailureDatabase:
    """The tokens of the failures of each test, below a directory that need not exist. Any method may raise OSError."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def fetch(self, nodeid: str) -> list[str]:
        """The tokens that are kept for a test, in a fixed order."""
        directory = self._of(nodeid)
        if not directory.is_dir():
            return []
        return sorted(value.decode("ascii", "replace") for value in _open(directory).fetch(_KEY))

    def save(self, nodeid: str, token: str) -> None:
        """Keeps a token for a test."""
        _open(self._of(nodeid)).save(_KEY, token.encode())

    def drop(self, nodeid: str, token: str) -> None:
        """Forgets a token."""
        directory = self._of(nodeid)
        database = _open(directory)
        database.delete(_KEY, token.encode())
        if not any(database.fetch(_KEY)):
            shutil.rmtree(directory)

    def _of(self, nodeid: str) -> Path:
        digest = hashlib.blake2b(nodeid.encode("utf-8", "surrogatepass"), digest_size=8)
        return self._directory / digest.hexdigest()


def _open(directory: Path) -> ExampleDatabase:
    from hypothesis.database import DirectoryBasedExampleDatabase

    return DirectoryBasedExampleDatabase(directory)
