"""The one piece of global state: who runs.

Stand-ins and instrumentation are called from any thread at any time, inside a controlled run and outside of one.
They ask here first, at the price of two module attributes. Read them as ``current.thread``: the values change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_racecheck.engine.thread import ControlledThread

#: The controlled thread that holds the baton; None outside a controlled run.
thread: ControlledThread | None = None

#: Two or more controlled threads are alive, or one has ended that nobody joined: accesses may conflict. Otherwise all
#: that happens is ordered anyway.
concurrent: bool = False
