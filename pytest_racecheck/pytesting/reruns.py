"""pytest-rerunfailures leaves marked tests alone: a failure that was replayed is no bad luck that reruns would cure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def reruns_off(item: pytest.Item) -> Iterator[None]:
    """Inside, no plugin runs ``item`` again because it failed."""
    option = item.config.option
    if hasattr(option, "force_reruns"):
        before, option.force_reruns = option.force_reruns, 0
        try:
            yield
        finally:
            option.force_reruns = before
        return
    if hasattr(option, "reruns"):  # a version that knows the marker alone
        item.add_marker(pytest.mark.flaky(reruns=0), append=False)
    yield
