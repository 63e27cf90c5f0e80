"""SQLite: statements and commits are scheduling points, since a database file is shared like any other file.

`sqlite3.connect` makes connections of a subclass then. A statement that has to wait for the lock of another connection
blocks for real, for SQLite alone knows whether and how long it may; racecheck notices that, and others go on.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Final

from pytest_racecheck.primitives.channels import acting

_point: Final = functools.partial(acting, "a database")

#: Where `sqlite3.connect` takes the class of the connection, if that is not given by name.
_FACTORY: Final = 5


class Cursor(sqlite3.Cursor):
    """A cursor whose statements are scheduling points."""

    execute = _point(sqlite3.Cursor.execute)
    executemany = _point(sqlite3.Cursor.executemany)
    executescript = _point(sqlite3.Cursor.executescript)


class Connection(sqlite3.Connection):
    """A connection whose statements and commits are scheduling points."""

    execute = _point(sqlite3.Connection.execute)
    executemany = _point(sqlite3.Connection.executemany)
    executescript = _point(sqlite3.Connection.executescript)
    commit = _point(sqlite3.Connection.commit)
    rollback = _point(sqlite3.Connection.rollback)
    close = _point(sqlite3.Connection.close)
    __exit__ = _point(sqlite3.Connection.__exit__)

    def cursor(self, factory: Any = Cursor) -> Any:
        """As the original."""
        return super().cursor(factory)


def stand_ins() -> Iterator[tuple[ModuleType, str, Any]]:
    """The module, and the name of the function with its stand-in."""
    original = sqlite3.connect

    @functools.wraps(original)
    def connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        if len(args) <= _FACTORY:
            kwargs.setdefault("factory", Connection)
        connection: sqlite3.Connection = original(*args, **kwargs)
        return connection

    yield sqlite3, "connect", connect
    yield sqlite3.dbapi2, "connect", connect
