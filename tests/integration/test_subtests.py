"""Subtests, pytest's own and those of the plugin: the first that fails is the failure of its interleaving."""

from __future__ import annotations

import pytest


def test_one_that_fails_in_some_interleavings(pytester: pytest.Pytester) -> None:
    if pytest.version_tuple < (9,):
        pytest.importorskip("pytest_subtests")
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.race
        @pytest.mark.parametrize("locked", [True, False])
        def test_subtests(subtests, racecheck, locked):
            box = {"n": 0}

            def add():
                if locked:
                    with racecheck.atomic():
                        box["n"] += 1
                else:
                    box["n"] += 1

            racecheck.run(add, add)
            for wanted in (0, 2):
                with subtests.test(wanted=wanted):
                    assert box["n"] >= wanted
        """
    )
    arguments = ("-p", "pytest_subtests.plugin") if pytest.version_tuple < (9,) else ()
    result = pytester.runpytest(*arguments)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["race *test_subtests?False?: interleaving *"])
