"""Failing schedules survive a session, are tried first, and go when they pass."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_racecheck.shrink.database import FailureDatabase

if TYPE_CHECKING:
    import pytest

PROGRAM = """
    import threading
    import pytest

    class Counter:
        value = 0

    @pytest.mark.race(strategy="pct")
    def test_counter():
        counter, lock = Counter(), threading.Lock()

        def increment():
            {body}

        threads = [threading.Thread(target=increment) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert counter.value == 2
"""


def test_what_was_saved_is_there_until_it_is_dropped(tmp_path: Path) -> None:
    database = FailureDatabase(tmp_path / "none yet")
    assert database.fetch("test_a") == []
    database.save("test_a", "rc1-two")
    database.save("test_a", "rc1-one")
    assert FailureDatabase(tmp_path / "none yet").fetch("test_a") == ["rc1-one", "rc1-two"]
    assert database.fetch("test_b") == []
    database.drop("test_a", "rc1-one")
    assert database.fetch("test_a") == ["rc1-two"]
    database.drop("test_a", "rc1-two")
    assert database.fetch("test_a") == []
    assert list((tmp_path / "none yet").iterdir()) == []


def test_a_failure_is_found_at_once_the_next_time(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PROGRAM.format(body="counter.value += 1"))
    first = pytester.runpytest("-p", "racecheck", "--racecheck-seed=3")
    first.assert_outcomes(failed=1)
    second = pytester.runpytest("-p", "racecheck", "--racecheck-seed=4", "--interleavings=2")
    second.assert_outcomes(failed=1)
    second.stdout.fnmatch_lines(["*interleaving 1 of 2:*"])


def test_a_schedule_that_passes_is_forgotten(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PROGRAM.format(body="counter.value += 1"))
    pytester.runpytest("-p", "racecheck").assert_outcomes(failed=1)
    (kept,) = (pytester.path / ".pytest_cache" / "d" / "racecheck").iterdir()
    pytester.makepyfile(PROGRAM.format(body="\n                with lock: counter.value += 1"))
    pytester.runpytest("-p", "racecheck").assert_outcomes(passed=1)
    assert not kept.exists()


def test_without_the_cache_of_pytest_nothing_is_kept(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PROGRAM.format(body="counter.value += 1"))
    pytester.runpytest("-p", "racecheck", "-p", "no:cacheprovider").assert_outcomes(failed=1)
    assert not (pytester.path / ".pytest_cache").exists()
