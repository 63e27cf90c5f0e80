"""The one piece of global state: who runs.

Stand-ins and instrumentation are called from any thread at any time, inside a controlled run and outside of one.
They ask here first, at the price of two module attributes. Read them as ``current.thread``: the values change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_racecheck.engine import real

if TYPE_CHECKING:
    from pytest_racecheck.engine.thread import ControlledThread

#: The controlled thread that holds the baton; None outside a controlled run.
thread: ControlledThread | None = None

#: Two or more controlled threads are alive, or one has ended that nobody joined: accesses may conflict. Otherwise all
#: that happens is ordered anyway.
concurrent: bool = False

#: Controlled threads that lost the baton while they blocked, by identifier. Each asks for it with `come_back`.
strays: Final[dict[int, ControlledThread]] = {}


def come_back() -> bool:
    """Called by a thread that does not hold the baton, where it meets a stand-in or instrumented code.

    One that lost it while it blocked queues for it. Returns whether the thread is controlled and holds the baton now.
    Raises Unwind if its run is over.
    """
    me = strays.get(real.get_ident())
    if me is None or me.quiet:
        return False
    me.scheduler.external.regain(me)
    return thread is me
