"""The fixture ``gil``; what it does is loaded when a test asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_racecheck.pytesting.gil_api import Gil


@pytest.fixture
def gil(request: pytest.FixtureRequest) -> Gil:
    """Measure what a function gains from threads, and what it would gain from processes and sub-interpreters."""
    from pytest_racecheck.pytesting.gil_api import Gil

    return Gil(request.node)
