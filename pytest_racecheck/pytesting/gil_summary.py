"""The GIL report in the terminal summary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.gil.model import Measurement
from pytest_racecheck.gil.table import render

if TYPE_CHECKING:
    import pytest

SECTION: Final = "gil report"


def show(reporter: pytest.TerminalReporter, measured: Sequence[dict[str, Any]], encoding: str) -> None:
    """A section with a row for each measurement; ``measured`` is plain data, not empty."""
    verbosity = reporter.config.get_verbosity()
    if verbosity < -1:
        return
    width = reporter.config.get_terminal_writer().fullwidth
    reporter.write_sep("=", SECTION)
    for line in render([Measurement.from_json(data) for data in measured], width, verbosity, encoding):
        reporter.write_line(line.text, **line.markup)
