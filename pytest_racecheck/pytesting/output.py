"""Captured output and log records of one interleaving, kept apart from those of all others.

pytest reads what was captured at the end of each phase of a test. Here the same is done at the same places of every
interleaving, so that a report shows what one run of the test printed: the last one, which is the failing one if any is.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pytest_racecheck.pytesting import private

if TYPE_CHECKING:
    import pytest


class Output:
    """The output of one item. Does nothing with ``-s`` and what is not captured for other reasons."""

    def __init__(self, item: pytest.Item) -> None:
        manager = item.config.pluginmanager
        self._item = item
        self._capture: Any = manager.get_plugin("capturemanager")
        self._logging: Any = manager.get_plugin("logging-plugin")
        self._wider = ("", "", "")
        self._records = private.log_records(item)

    def wider_set_up_done(self) -> None:
        """Remember what wider fixtures printed: it belongs to every interleaving."""
        out = err = log = ""
        if self._capture is not None:
            out, err = self._capture.read_global_capture()
            if self._item.config.getoption("capture") != "tee-sys":  # which would show it twice
                # Put back what was read: the report of interleaving 0 shows it together with what follows.
                sys.stdout.write(out)
                sys.stderr.write(err)
        if self._logging is not None:
            log = self._logging.report_handler.stream.getvalue()
        self._wider = out, err, log

    def begin(self) -> None:
        """An interleaving is about to be set up: drop what the last one left."""
        if self._capture is not None:
            self._capture.read_global_capture()
        if self._logging is not None:
            self._reset_log("setup")

    def set_up_done(self) -> None:
        """What was captured from ``begin`` to here becomes the output of the set-up phase."""
        sections = private.report_sections(self._item)
        if sections:
            sections[:] = [section for section in sections if section[0] != "setup"]
        out, err, log = self._wider
        if self._capture is not None:
            self._capture.deactivate_fixture()
            captured = self._capture.read_global_capture()
            self._capture.activate_fixture()
            out, err = out + captured.out, err + captured.err
        if self._logging is not None:
            log += self._logging.report_handler.stream.getvalue()
            self._reset_log("call")
        if out or err or log:
            self._item.add_report_section("setup", "stdout", out)
            self._item.add_report_section("setup", "stderr", err)
            self._item.add_report_section("setup", "log", log.strip())

    def _reset_log(self, phase: str) -> None:
        self._logging.report_handler.reset()
        self._logging.caplog_handler.reset()
        if self._records is not None:
            self._records[phase] = self._logging.caplog_handler.records


@contextlib.contextmanager
def shown_once(config: pytest.Config) -> Iterator[None]:
    """``--setup-show`` shows the fixtures of one interleaving, not of all."""
    shown = config.getoption("setupshow", False)
    config.option.setupshow = False
    try:
        yield
    finally:
        config.option.setupshow = shown
