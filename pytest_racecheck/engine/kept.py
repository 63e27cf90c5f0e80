"""The failing schedules of one test that earlier sessions left; a disk that can't be read or written is no failure."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_racecheck.report.model import Failure
    from pytest_racecheck.shrink.database import FailureDatabase


class KeptFailures:
    """``suspended``: a context in which the calling thread is not controlled. Without a database, nothing is kept."""

    def __init__(
        self, database: FailureDatabase | None, nodeid: str, suspended: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._database = database
        self._nodeid = nodeid
        self._suspended = suspended

    def tokens(self) -> list[str]:
        """In a fixed order."""
        with contextlib.suppress(OSError), self._suspended():
            return [] if self._database is None else self._database.fetch(self._nodeid)
        return []

    def forget(self, token: str) -> None:
        """It passes by now, or can't be read."""
        with contextlib.suppress(OSError), self._suspended():
            if self._database is not None:
                self._database.drop(self._nodeid, token)

    def keep(self, failure: Failure) -> None:
        """For the next session, if it can be replayed."""
        with contextlib.suppress(OSError), self._suspended():
            if self._database is not None and failure.token and (failure.kind == "race" or failure.is_explained):
                self._database.save(self._nodeid, failure.token)
