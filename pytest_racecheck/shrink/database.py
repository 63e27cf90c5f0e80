"""Failing schedules of earlier sessions: tried first, so that a failure that was found once is found at once.

Kept through Hypothesis's `ExampleDatabase`, which is imported only when there is something to read or to write.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hypothesis.database import ExampleDatabase


class FailureDatabase:
    """The tokens of the failures of each test, in a directory that need not exist.

    A directory that can't be read or written is none: tests don't fail because a cache does.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._database: ExampleDatabase | None = None

    def fetch(self, nodeid: str) -> list[str]:
        """The tokens that are kept for a test, in a fixed order."""
        if not self._directory.is_dir() or not any(self._directory.iterdir()):
            return []
        return sorted(value.decode("ascii", "replace") for value in self._open().fetch(_key(nodeid)))

    def save(self, nodeid: str, token: str) -> None:
        """Keeps a token for a test."""
        self._open().save(_key(nodeid), token.encode())

    def drop(self, nodeid: str, token: str) -> None:
        """Forgets a token."""
        self._open().delete(_key(nodeid), token.encode())

    def _open(self) -> ExampleDatabase:
        if self._database is None:
            from hypothesis.database import DirectoryBasedExampleDatabase

            self._database = DirectoryBasedExampleDatabase(self._directory)
        return self._database


def _key(nodeid: str) -> bytes:
    return b"racecheck:" + nodeid.encode("utf-8", "surrogatepass")
