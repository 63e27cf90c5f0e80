"""Stand-ins for what is rarely imported (sockets, `multiprocessing`, SQLite): put in place while an item is explored.

Nearly all take the place of methods, so it does not matter who has imported the class before. What the item itself is
the first to import, they come too late for; racecheck notices then when a thread blocks.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Final

from pytest_racecheck.primitives.patches import Patches

_patches: Final = Patches()


def open_all() -> None:
    """Puts them in place."""
    for owner, name, stand_in in _stand_ins():
        _patches.put(owner, name, stand_in)
    if "datetime" in sys.modules:
        from pytest_racecheck.primitives.dates import open_dates

        open_dates()


def close_all() -> None:
    """Takes them away. Harmless when called twice."""
    _patches.undo()
    if "datetime" in sys.modules:
        from pytest_racecheck.primitives.dates import close_dates

        close_dates()


def _stand_ins() -> Iterator[tuple[Any, str, Any]]:
    from pytest_racecheck.primitives import signals

    yield from signals.stand_ins()
    socket = sys.modules.get("socket")
    if socket is not None:
        from pytest_racecheck.primitives import sockets

        for name, method in sockets.stand_ins():
            yield socket.socket, name, method
    if "sqlite3" in sys.modules:
        from pytest_racecheck.primitives import databases

        yield from databases.stand_ins()
    if "multiprocessing" in sys.modules:
        try:
            from pytest_racecheck.primitives import semaphores
        except ImportError:
            return  # a platform without semaphores
        yield from semaphores.stand_ins()
