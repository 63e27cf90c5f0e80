"""What other plugins, and conftest files, may implement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_racecheck.report.model import TestResult


@pytest.hookspec
def pytest_racecheck_reset(item: pytest.Item) -> None:
    """Called between two interleavings of a marked test, when the old fixtures are gone and the new ones not yet made.

    For state that pytest's own hooks reset for each test, or that lives longer than a test: caches, registries,
    connections. Interleavings are set up in place: ``pytest_runtest_setup`` is called once for a test, not for each.
    An exception fails the interleaving as one in a fixture does.
    """


@pytest.hookspec
def pytest_racecheck_result(item: pytest.Item, result: TestResult) -> None:
    """Called once for each marked test that was run, when the verdict stands and before pytest makes its report.

    ``result`` may be changed in place, notes appended for example: what is changed goes into every report.
    """
