"""The counter, which tells the resident memory in MB after 1,000 interleavings and after the last one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.cases import options
from benchmarks.cases.counter import body

if TYPE_CHECKING:
    from pytest_racecheck.pytesting.fixture import Racecheck


@pytest.mark.race
def test_memory(racecheck: Racecheck) -> None:
    body()
    if racecheck.interleaving in (1_000, options.RUNS - 1):
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        options.record(pages * os.sysconf("SC_PAGE_SIZE") / 1e6)
