"""Checks that fail without an exception, as those of pytest-check do: in an interleaving, or in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

#: What racecheck knows of pytest-check, and what that does with it.
LOG = """
_failures = []

def get_failures():
    return list(_failures)

def clear_failures():
    _failures.clear()

def log_failure(text):
    _failures.append(text)
"""
CHECKS = """
import pytest
from pytest_check import check_log

def equal(value, wanted):
    if value != wanted:
        check_log.log_failure(f"FAILURE: check {value} == {wanted}")

@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_makereport(item, call):
    report = yield
    failures = check_log.get_failures()
    check_log.clear_failures()
    if failures:
        report.outcome = "failed"
        report.longrepr = "\\n".join([*failures, f"Failed Checks: {len(failures)}"])
    return report
"""
TESTS = """
import pytest
from conftest import equal

@pytest.mark.race
@pytest.mark.parametrize("locked", [True, False])
def test_checked(racecheck, locked):
    box = {"n": 0}

    def add():
        if locked:
            with racecheck.atomic():
                box["n"] += 1
        else:
            box["n"] += 1

    racecheck.run(add, add)
    equal(box["n"], 2)
"""


def test_a_check_that_fails_in_some_interleavings(
    pytester: pytest.Pytester, results: Callable[..., dict[str, Any]]
) -> None:
    pytester.mkpydir("pytest_check").joinpath("check_log.py").write_text(LOG)
    pytester.makeconftest(CHECKS)
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_subprocess("--racecheck-json=out.json")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*Failed Checks: 1*", "race *test_checked?False?: interleaving *check 1 == 2*"])
    assert results()["test_checked[False]"]["failure"]["reproduced"] == [10, 10]
    assert results()["test_checked[True]"]["verdict"] == "proved"


def test_a_report_that_somebody_fails_in_the_end_is_no_proof(
    pytester: pytest.Pytester, results: Callable[..., dict[str, Any]]
) -> None:
    pytester.makeconftest(
        """
        import pytest

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_makereport(item, call):
            report = yield
            if call.when == "call":
                report.outcome, report.longrepr = "failed", "seen in the end"
            return report
        """
    )
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.race
        def test_two(racecheck):
            racecheck.run(int, int)
        """
    )
    result = pytester.runpytest_subprocess("--racecheck-json=out.json")
    result.assert_outcomes(failed=1)
    test = results()["test_two"]
    assert test["verdict"] == "passed"
    assert not test["exhaustive"]
    assert any("a plugin failed the report" in note for note in test["notes"])
