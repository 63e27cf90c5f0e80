"""Which of the collected items are to be explored, and with what settings."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

import pytest

from pytest_racecheck import settings
from pytest_racecheck.settings import Settings, SettingsError

MARKER: Final = "race"

MARKER_HELP: Final = (
    f"{MARKER}({', '.join(f'{name}=' for name in settings.MARKER_ARGUMENTS)}): run the test under many forced thread "
    "interleavings, each from fresh function-scoped fixtures, and fail at the first that breaks it. "
    "All arguments are optional; threads=K runs the test body itself in K threads at once. "
    "On a class or module it holds for all tests inside; closer markers win, argument by argument."
)


def select(items: Iterable[pytest.Item], base: Settings, every: bool) -> dict[pytest.Item, Settings]:
    """The items to explore with their settings; ``every``: also those without the marker, where that is possible.

    UsageError, naming each test, when a marker can't be used or a marked test can't be explored.
    """
    selected: dict[pytest.Item, Settings] = {}
    errors: dict[str, list[str]] = {}
    for item in items:
        marks = list(item.iter_markers(MARKER))
        if not marks:
            if every and _obstacle(item) is None:
                selected[item] = base
            continue
        try:
            chosen = functools.reduce(_with_mark, reversed(marks), base)  # closest last: it wins
            if chosen.threads is not None and _is_unittest(item):
                raise SettingsError("threads= is not allowed for a method of unittest.TestCase; start threads in it")
        except SettingsError as error:
            errors.setdefault(f"marker {MARKER}: {error}", []).append(item.nodeid)
        else:
            obstacle = _obstacle(item)
            if obstacle is not None:
                errors.setdefault(f"marker {MARKER}: {obstacle}", []).append(item.nodeid)
            selected[item] = chosen
    if errors:
        raise pytest.UsageError("\n".join(_message(nodeids, error) for error, nodeids in errors.items()))
    return selected


def replayed(
    selected: dict[pytest.Item, Settings], items: list[pytest.Item], tokens: dict[str | None, str]
) -> dict[pytest.Item, Settings]:
    """``selected`` with the token of each test; the tests that a JSON report has none for are taken off ``items``.

    UsageError when none of the tests of the report is among ``items``.
    """
    if not tokens or None in tokens:
        return selected
    chosen = {
        item: replace(settings, replay=tokens[item.nodeid])
        for item, settings in selected.items()
        if item.nodeid in tokens
    }
    if not chosen and items:
        names = ", ".join(str(nodeid) for nodeid in tokens)
        raise pytest.UsageError(f"--racecheck-replay: the report has failures of {names}, none of which is selected")
    others = [item for item in items if item not in chosen]
    if others:
        items[:] = chosen
        others[0].config.hook.pytest_deselected(items=others)
    return chosen


def _with_mark(base: Settings, mark: pytest.Mark) -> Settings:
    return settings.with_marker(base, mark.args, mark.kwargs)


def _obstacle(item: pytest.Item) -> str | None:
    """Why an item can't be explored; None when it can."""
    if hasattr(item, "dtest"):
        return None
    if not isinstance(item, pytest.Function):
        return f"a test of type {type(item).__name__} can't be run under forced interleavings"
    function = _innermost(item.obj)
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return "async tests are not supported yet; start the threads in a plain function"
    if inspect.isgeneratorfunction(function):
        return "generator tests (with 'yield' in the body) are not supported; use a plain function"
    if hasattr(function, "hypothesis") or hasattr(item.obj, "hypothesis"):
        return "Hypothesis tests are not supported yet; parametrize the test instead of @given"
    return None


def _is_unittest(item: pytest.Item) -> bool:
    from pytest_racecheck.pytesting.unittest_case import is_unittest

    return is_unittest(item)


def _innermost(function: Any) -> Any:
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.unwrap(function)


def _message(nodeids: list[str], error: str) -> str:
    first, *others = nodeids
    more = f" (and {len(others)} more)" if others else ""
    return f"{first}{more}: {error}"
