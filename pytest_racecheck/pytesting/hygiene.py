"""Nothing leaks from one interleaving into the next, and nothing piles up over thousands of them.

A ``Hygiene`` looks at the world once, before the first function-scoped fixture of the item is set up, and puts it back
between two interleavings. Each concern is a function that returns how to put its part back: a call that must cost
next to nothing when there is nothing to do.
"""

from __future__ import annotations

import shutil
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_racecheck.pytesting import private
from pytest_racecheck.pytesting.thread_values import ThreadValues

if TYPE_CHECKING:
    import pytest


class Hygiene:
    """What has to be put back for one item."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item
        self._thin_out = [_recorded_warnings(), _stored_errors(item.config)]
        self._restore = [*self._thin_out, _item_lists(item), _function(item), _warning_filters(), _excepthook()]
        #: To be told whether it is the interleavings' own code that runs.
        self.values = ThreadValues()
        self._restore.append(self.values.restore)
        self._tmp_path_key = private.tmp_path_result_key()

    def set_up_done(self) -> None:
        """Interleaving 0 is set up: the wider fixtures are all there, and the streams are those of the call phase."""
        self._restore += [_streams(self._item.config), _wider_finalizers(self._item)]

    def before_tear_down(self) -> Path | None:
        """The directory that the interleaving has for itself, to be given to ``after_tear_down``."""
        if self._tmp_path_key is not None:
            # The fixture tmp_path deletes this when it goes, and pytest writes it only once for a test.
            self._item.stash[self._tmp_path_key] = {"setup": True}
            return private.fixture_value(self._item, "tmp_path")  # type: ignore[return-value]
        return None

    def after_tear_down(self, scratch: Path | None) -> None:
        """The fixtures are gone: put everything back as it was before they came."""
        for restore in self._restore:
            restore()
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)

    def end(self, failure: BaseException | None) -> None:
        """The last interleaving is over and still set up: thin out what pytest is going to report."""
        for thin_out in self._thin_out:
            thin_out()
        for store in private.stored_errors(self._item.config):
            for error in [error for error in store if getattr(error, "exc_value", None) is failure]:
                store.remove(error)  # it is the failure of the test; no need to warn of it as well


def _item_lists(item: pytest.Item) -> Callable[[], None]:
    """``record_property`` and ``request.applymarker`` append to lists of the item."""
    properties, markers = list(item.user_properties), list(item.own_markers)

    def restore() -> None:
        item.user_properties[:] = properties
        item.own_markers[:] = markers

    return restore


def _function(item: pytest.Item) -> Callable[[], None]:
    """``--trace`` and some plugins replace the test function by a wrapper around it, each time it is called."""
    node: Any = item
    function = None if getattr(node, "cls", None) is not None else getattr(node, "_obj", None)

    def restore() -> None:
        if function is not None:
            node._obj = function

    return restore


def _warning_filters() -> Callable[[], None]:
    """A race on ``catch_warnings`` leaves the filters, and what shows a warning, as they were in one thread's block."""
    filters, shown_by = warnings.filters, warnings.showwarning
    contents = list(filters)
    implementation = getattr(warnings, "_showwarnmsg_impl", None)

    def restore() -> None:
        if warnings.filters is not filters or filters != contents:
            filters[:] = contents  # type: ignore[index]
            warnings.filters = filters
        warnings.showwarning = shown_by
        if implementation is not None:
            warnings._showwarnmsg_impl = implementation  # type: ignore[attr-defined]
        private.forget_warnings_shown_once()

    return restore


def _recorded_warnings() -> Callable[[], None]:
    """Warnings that pytest will list: all of interleaving 0, and of the others those that it did not give."""
    recorded = private.recorded_warnings()
    if recorded is None:
        return lambda: None
    known: set[tuple[object, ...]] = set()
    looked_at = len(recorded)
    first = True

    def restore() -> None:
        nonlocal looked_at, first
        if len(recorded) > looked_at:
            fresh = [warning for warning in recorded[looked_at:] if first or _place(warning) not in known]
            known.update(map(_place, fresh))
            recorded[looked_at:] = fresh
            looked_at = len(recorded)
        first = False

    return restore


def _place(warning: warnings.WarningMessage) -> tuple[object, ...]:
    return warning.category, str(warning.message), warning.filename, warning.lineno


def _stored_errors(config: pytest.Config) -> Callable[[], None]:
    """Exceptions that pytest will turn into one warning each when the test ends: keep the first of a kind."""
    stores = private.stored_errors(config)

    def restore() -> None:
        for store in stores:
            if len(store) > 1:
                unique = {_kind_of_error(error): error for error in reversed(store)}
                store.clear()
                store.extend(reversed(unique.values()))

    return restore


def _kind_of_error(error: object) -> object:
    raised = getattr(error, "exc_value", error)
    return type(raised), str(raised)


def _excepthook() -> Callable[[], None]:
    hook = threading.excepthook

    def restore() -> None:
        threading.excepthook = hook

    return restore


def _streams(config: pytest.Config) -> Callable[[], None]:
    """``sys.stdout`` and its like, which a race on ``redirect_stdout`` leaves replaced."""
    capture: Any = config.pluginmanager.get_plugin("capturemanager")
    if capture is not None:
        capture.deactivate_fixture()  # capsys and its like are gone between two interleavings
    streams = sys.stdin, sys.stdout, sys.stderr
    if capture is not None:
        capture.activate_fixture()

    def restore() -> None:
        sys.stdin, sys.stdout, sys.stderr = streams

    return restore


def _wider_finalizers(item: pytest.Item) -> Callable[[], None]:
    """A function-scoped fixture leaves a finalizer on each wider fixture that it requests, at every set-up."""
    definitions = [found for found in private.active_fixtures(item).values() if found.scope != "function"]
    lengths = [(found, len(getattr(found, "_finalizers", ()))) for found in definitions]

    def restore() -> None:
        for definition, length in lengths:
            private.drop_dead_finalizers(definition, length)

    return restore
