"""Which of the collected items are to be explored, and with what settings."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable, Mapping
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

GIL_HELP: Final = (
    "gil(min_speedup=, max_slowdown=, verdict=): measure what the test gains from its threads, in real time, and fail "
    "if it is less than the arguments, all of them optional, ask for."
)


def select(
    items: Iterable[pytest.Item],
    base: Settings,
    every: bool,
    why_not: dict[pytest.Item, str],
    refused: dict[pytest.Item, str],
) -> dict[pytest.Item, Settings]:
    """The items to explore with their settings; ``every``: also those without the marker, where that is possible.

    ``threads`` of ``base`` hold for those without the marker alone; ``why_not`` takes the reasons why some of them are
    not explored, ``refused`` what is wrong with marked tests that can't be. UsageError, naming each test, for arguments
    of the marker that can't be used.
    """
    unasked, base = replace(base, unasked=True), replace(base, threads=None)
    selected: dict[pytest.Item, Settings] = {}
    errors: dict[str, list[str]] = {}
    for item in items:
        marks = list(item.iter_markers(MARKER))
        if not marks:
            obstacle = _obstacle_unasked(item, unasked.threads) if every else ""
            if obstacle is None:
                selected[item] = unasked
            elif obstacle:
                why_not[item] = obstacle
            continue
        try:
            chosen = functools.reduce(_with_mark, reversed(marks), base)  # closest last: it wins
        except SettingsError as error:
            errors.setdefault(f"marker {MARKER}: {error}", []).append(item.nodeid)
        else:
            obstacle = _obstacle(item) or _other_threads(item)
            if obstacle is None and chosen.threads is not None and _is_unittest(item):
                obstacle = "threads= is not allowed for a method of unittest.TestCase; start threads in it"
            if obstacle is None:
                selected[item] = chosen
            else:
                refused[item] = f"marker {MARKER}: {obstacle}"
    if errors:
        raise pytest.UsageError("\n".join(_message(nodeids, error) for error, nodeids in errors.items()))
    return selected


class Refusal:
    """Marked tests that can't be explored fail, each by itself: all others run."""

    def __init__(self, refused: Mapping[pytest.Item, str]) -> None:
        self._refused = refused

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Nothing of the test runs."""
        if item in self._refused:
            pytest.fail(self._refused[item], pytrace=False)


def measured(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """The items that have the marker ``gil``, or ask for the fixture of that name."""
    return [
        item
        for item in items
        if item.get_closest_marker("gil") is not None or "gil" in getattr(item, "fixturenames", ())
    ]


def replayed(
    selected: dict[pytest.Item, Settings], items: list[pytest.Item], tokens: dict[str | None, str]
) -> dict[pytest.Item, Settings]:
    """``selected`` with the token of each test; the tests that a JSON report has none for are taken off ``items``.

    UsageError when none of the tests of the report is among ``items``, and when nobody would follow a token.
    """
    if None in tokens and items and not selected:
        raise pytest.UsageError(
            f"--racecheck-replay: none of the selected tests has the marker {MARKER}; if the token is one of a test "
            "without it, give the options of that run, too: --racecheck-all, --racecheck-threads"
        )
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
    if is_property(item):
        if _is_unittest(item):
            return "Hypothesis tests are not supported in a unittest.TestCase; use a function or a plain class"
        function = _innermost(item.obj.hypothesis.inner_test)
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return "async tests are not supported yet; start the threads in a plain function"
    if inspect.isgeneratorfunction(function):
        return "generator tests (with 'yield' in the body) are not supported; use a plain function"
    return None


def _other_threads(item: pytest.Item) -> str | None:
    """Whether pytest-run-parallel is told to run the test in threads of its own."""
    if not hasattr(item.config.option, "parallel_threads"):
        return None
    for name in ("parallel_threads", "force_parallel_threads", "iterations"):
        mark = item.get_closest_marker(name)
        if mark is not None and mark.args and str(mark.args[0]) != "1":
            return f"the marker {name} of pytest-run-parallel can't be used together with it; take {_INSTEAD[name]}"
    return None


_INSTEAD: Final = dict.fromkeys(
    ("parallel_threads", "force_parallel_threads"), f"@pytest.mark.{MARKER}(threads=K), or one of the two away"
) | {"iterations": f"@pytest.mark.{MARKER}(interleavings=N), or one of the two away"}


def _obstacle_unasked(item: pytest.Item, threads: int | None) -> str | None:
    """Why an item without the marker is run as ever, and not explored; None when it can be."""
    if is_property(item):
        return "Hypothesis tests are explored with the marker only: each of their examples is a test of its own"
    obstacle = _obstacle(item)
    if obstacle is None and threads is not None:
        if hasattr(item, "dtest"):
            return "a doctest can't be run in several threads at once"
        if _is_unittest(item):
            return "a method of unittest.TestCase can't be run in several threads at once"
        from pytest_racecheck.pytesting.unasked import obstacle_to_threads

        return obstacle_to_threads(getattr(item, "fixturenames", []))
    return obstacle


def is_property(item: pytest.Item) -> bool:
    """Whether Hypothesis calls the body of the test, once for each of its examples."""
    return hasattr(getattr(item, "obj", None), "hypothesis")


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
