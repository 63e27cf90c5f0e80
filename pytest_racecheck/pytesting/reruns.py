"""Plugins that run failing tests again leave marked ones alone: a failure that was replayed is no bad luck."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest


@contextmanager
def reruns_off(item: pytest.Item) -> Iterator[None]:
    """Inside, no plugin runs ``item`` again because it failed."""
    option = item.config.option
    with ExitStack() as stack:
        if hasattr(option, "force_reruns"):  # pytest-rerunfailures
            stack.enter_context(_set(option, "force_reruns", 0))
        elif hasattr(option, "reruns"):  # a version that knows the marker alone
            item.add_marker(pytest.mark.flaky(reruns=0), append=False)
        flaky = getattr(sys.modules.get("flaky.flaky_pytest_plugin"), "PLUGIN", None)
        if flaky is None or not hasattr(option, "force_flaky"):
            if hasattr(option, "retry_delay") and "pytest_retry" in sys.modules:
                item.add_marker(pytest.mark.flaky(condition=False), append=False)
        else:  # it reads the same marker, and does not know that argument
            stack.enter_context(_set(flaky, "_has_flaky_attributes", lambda _test: False))
        yield


@contextmanager
def _set(owner: Any, name: str, value: object) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)
