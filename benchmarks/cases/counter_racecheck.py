"""The counter under racecheck; its JSON report has the rate."""

import pytest

from benchmarks.cases.counter import body


@pytest.mark.race
def test_counter() -> None:
    body()
