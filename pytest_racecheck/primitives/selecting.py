"""Selectors: what an event loop waits in.

Whether something is ready may depend on other controlled threads (a loop's wake-up pipe) or on the outside world. The
stand-in asks without blocking, lets the other threads go on while nothing is ready, and waits for real only when none
of them can.
"""

from __future__ import annotations

import functools
import selectors
from collections.abc import Callable, Iterator
from typing import Any

from pytest_racecheck.engine import current, real
from pytest_racecheck.primitives.lock import nanoseconds

Select = Callable[..., list[Any]]


def stand_ins() -> Iterator[tuple[type, Select]]:
    """Every selector class that has a method ``select`` of its own, with that method's stand-in."""
    for kind in vars(selectors).values():
        if isinstance(kind, type) and "select" in vars(kind) and kind is not selectors.BaseSelector:
            yield kind, _stand_in(kind.select)  # type: ignore[attr-defined]


def _stand_in(original: Select) -> Select:
    @functools.wraps(original)
    def select(self: Any, timeout: float | None = None) -> list[Any]:
        me = current.thread
        if me is None or me.ident != real.get_ident() or me.quiet:
            return original(self, timeout)
        scheduler = me.scheduler
        clock = scheduler.clock
        deadline = None if timeout is None else clock.now + (nanoseconds(max(timeout, 0)) or 0)
        while True:
            found = original(self, 0)
            if found or (deadline is not None and clock.now >= deadline):
                return found
            if len(scheduler.ready) > 1 or scheduler.external.count:
                scheduler.give_way(me)
            elif len(self.get_map()) <= 1 and (deadline is not None or clock.next_deadline() is not None):
                # A lone descriptor is how other threads wake a loop up: nobody is left who could, so time passes.
                scheduler.wait_until(me, deadline)
            else:
                limit = deadline if deadline is not None else clock.next_deadline()
                with scheduler.external.blocking(me, "select"):
                    found = original(self, None if limit is None else max(0.0, (limit - clock.now) / 1e9))
                if found:
                    return found

    return select
