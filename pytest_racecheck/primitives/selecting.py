"""Selectors: what an event loop waits in.

Whether something is ready may depend on other controlled threads (a loop's wake-up pipe) or on the outside world. The
stand-in asks without blocking, and waits without blocking while others can go on.
"""

from __future__ import annotations

import functools
import selectors
from collections.abc import Callable, Iterator
from typing import Any

from pytest_racecheck.engine.operation import POLL
from pytest_racecheck.primitives.channels import READABLE, WRITABLE, controlled, limit, touch

Select = Callable[..., list[Any]]


def stand_ins() -> Iterator[tuple[type, Select]]:
    """Every selector class that has a method ``select`` of its own, with that method's stand-in."""
    for kind in vars(selectors).values():
        if isinstance(kind, type) and "select" in vars(kind) and kind is not selectors.BaseSelector:
            yield kind, _stand_in(kind.select)  # type: ignore[attr-defined]


def _stand_in(original: Select) -> Select:
    @functools.wraps(original)
    def select(self: Any, timeout: float | None = None) -> list[Any]:
        me = controlled(alone=True)
        if me is None:
            return original(self, timeout)
        touch(me)
        found = original(self, 0)
        if found:
            return found
        if timeout is not None and timeout <= 0:
            me.scheduler.looked(me, POLL)
            return found
        descriptors = {
            key.fd: (READABLE if key.events & selectors.EVENT_READ else 0)
            | (WRITABLE if key.events & selectors.EVENT_WRITE else 0)
            for key in self.get_map().values()
        }
        me.scheduler.external.ready(me, descriptors, limit(timeout), "select")
        return original(self, 0)

    return select
