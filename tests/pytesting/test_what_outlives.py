"""State that outlives an interleaving, with fixtures of all scopes: a warning where it is raced for, nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

SOURCE = """
import pytest

class Pool:
    connection = None
    def get(self):
        if self.connection is None:
            self.connection = object()
        return self.connection

pool = Pool()

@pytest.fixture
def fresh():
    pool.connection = None

@pytest.fixture(scope="module")
def wide():
    return Pool()

@pytest.fixture(scope="module")
def made():
    made = Pool()
    made.get()
    return made

@pytest.fixture
def own():
    return Pool()

def both(racecheck, pool):
    racecheck.run(pool.get, pool.get)

@pytest.mark.race
def test_of_a_module(racecheck):
    both(racecheck, pool)

@pytest.mark.race
def test_put_back(racecheck, fresh):
    both(racecheck, pool)

@pytest.mark.race
def test_of_a_wide_fixture(racecheck, wide):
    both(racecheck, wide)

@pytest.mark.race
def test_made_before(racecheck, made):
    both(racecheck, made)

@pytest.mark.race
def test_own(racecheck, own):
    both(racecheck, own)
"""


def test_only_what_the_first_interleaving_alone_makes_is_warned_of(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SOURCE)
    result = pytester.runpytest("-v")
    result.assert_outcomes(passed=5)
    warnings = [line for line in result.outlines if line.startswith("warning: ")]
    assert len([line for line in warnings if "in interleaving 0 only" in line]) == 2
    result.stdout.fnmatch_lines_random(
        [
            "warning: *::test_of_a_module writes Pool.connection (test_only_what*.py:7) in interleaving 0 only*",
            "warning: *::test_of_a_wide_fixture writes Pool.connection (test_only_what*.py:7) in interleaving 0 only*",
            "passed *::test_of_a_module: *",
            "*no proof: only interleaving 0 writes Pool.connection (*), which outlives it",
            "proved *::test_put_back: *",
            "proved *::test_made_before: *",
            "proved *::test_own: *",
        ]
    )
