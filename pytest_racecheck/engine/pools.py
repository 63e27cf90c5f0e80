"""Thread pools complain of what ends their workers; when that is the end of a run, it is nobody's business."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def pools_silenced() -> Iterator[None]:
    """Keeps `concurrent.futures` from logging the exception that unwinds its workers."""
    base = sys.modules.get("concurrent.futures._base")
    if base is None:
        yield
        return
    disabled = base.LOGGER.disabled
    base.LOGGER.disabled = True
    try:
        yield
    finally:
        base.LOGGER.disabled = disabled
