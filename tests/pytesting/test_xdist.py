"""pytest-xdist: results travel to the controller, which writes what is to be written."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("xdist")

SOURCE = """
    import pytest, threading

    class Account:
        def __init__(self): self.balance = 100
        def withdraw(self, amount):
            if self.balance >= amount:
                self.balance -= amount

    @pytest.mark.race(interleavings=50)
    def test_bad(racecheck):
        account = Account()
        racecheck.run(lambda: account.withdraw(80), lambda: account.withdraw(70))
        assert account.balance >= 0

    @pytest.mark.race(interleavings=10)
    @pytest.mark.parametrize("n", range(4))
    def test_good(racecheck, n, tmp_path): racecheck.outcome(n)

    def test_plain(): pass
"""


def without_times(report: dict[str, list[dict[str, object]]]) -> list[dict[str, object]]:
    """The results that do not depend on when and where a test ran."""
    tests = sorted(report["tests"], key=lambda test: str(test["nodeid"]))
    return [{name: value for name, value in test.items() if name not in ("seconds", "per_second")} for test in tests]


def test_the_same_results_with_and_without_workers(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SOURCE)
    reports = []
    for arguments in (["-n0"], ["-n2"], ["-n2"]):
        result = pytester.runpytest_subprocess(
            *("-p", "xdist", "-p", "no:cacheprovider"), *arguments, "--racecheck-seed=3", "--racecheck-json=out.json"
        )
        result.assert_outcomes(passed=5, failed=1)
        result.stdout.fnmatch_lines(
            [
                "racecheck *: strategy auto, 200 interleavings, seed 3",
                "*- racecheck -*",
                "race: *",
                "replay: pytest *::test_bad --racecheck-replay=*",
                "*= racecheck =*",
                "5 tests, * interleavings in *: 4 passed, 1 race",
                "race  *::test_bad: interleaving *",
            ]
        )
        reports.append(without_times(json.loads((pytester.path / "out.json").read_text())))
    assert reports[0] == reports[1] == reports[2]


def test_the_order_of_tests_makes_no_difference(pytester: pytest.Pytester) -> None:
    pytest.importorskip("pytest_randomly")
    pytester.makepyfile(SOURCE)
    reports = []
    for seed in (1, 2):
        pytester.runpytest_subprocess(
            *("-p", "randomly", "-p", "no:cacheprovider"),
            *(f"--randomly-seed={seed}", "--racecheck-seed=3", "--racecheck-json=out.json"),
        )
        reports.append(without_times(json.loads((pytester.path / "out.json").read_text())))
    assert reports[0] == reports[1]


def test_usage_errors_are_seen_in_the_controller(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import pytest\n@pytest.mark.race(interleavings=0)\ndef test_it(): pass")
    result = pytester.runpytest_subprocess("-p", "xdist", "-n2")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*::test_it: marker race: interleavings: 0 is not allowed; give a whole number from 1 up"]
    )
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
