"""pytest-xdist: results travel to the controller, which writes what is to be written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.sources import RACE

pytest.importorskip("xdist")

MORE = """
    @pytest.mark.race(interleavings=10)
    @pytest.mark.parametrize("n", range(2))
    @pytest.mark.xdist_group("one")
    def test_outcome(racecheck, n, tmp_path): racecheck.outcome(n)
"""


def test_the_same_results_with_and_without_workers(
    pytester: pytest.Pytester, results: Callable[[], dict[str, Any]]
) -> None:
    pytester.makepyfile(RACE + MORE)
    reports = []
    for arguments in (["-n0"], ["-n2"], ["-n2", "--dist=loadgroup"]):
        result = pytester.runpytest_subprocess(
            "-p", "xdist", *arguments, "--racecheck-seed=3", "--racecheck-json=out.json", "--racecheck-html=out.html"
        )
        result.assert_outcomes(passed=4, failed=1)
        result.stdout.fnmatch_lines(
            [
                "racecheck *: strategy auto, 200 interleavings, seed 3",
                *("*- racecheck -*", "race: *", "replay: pytest *::test_bad --racecheck-seed=3 --racecheck-replay=*"),
                *("*= racecheck =*", "4 tests, * interleavings in *: * 1 race", "race *::test_bad: interleaving *"),
            ]
        )
        assert "test_bad" in (pytester.path / "out.html").read_text()
        reports.append({name.partition("@")[0]: {**test, "nodeid": name} for name, test in results().items()})
    for report in reports[1:]:
        assert report.keys() == reports[0].keys()
        for name, test in reports[0].items():
            other = report[name]
            other["nodeid"] = test["nodeid"]  # --dist=loadgroup adds the name of the group
            assert other == test, name


def test_usage_errors_are_seen_in_the_controller(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import pytest\n@pytest.mark.race(interleavings=0)\ndef test_it(): pass")
    result = pytester.runpytest_subprocess("-p", "xdist", "-n2")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*::test_it: marker race: interleavings: 0 is not allowed; give a whole number from 1 up"]
    )
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
