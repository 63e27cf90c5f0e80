"""pytest-cov: lines that threads run are counted as without racecheck, with each core of coverage."""

from __future__ import annotations

import json
import sys

import pytest

from tests.integration.sources import RACE

pytest.importorskip("pytest_cov")

CORES = ["ctrace", "sysmon"] if sys.version_info >= (3, 12) else ["ctrace"]

MODULE = """
    def branch(value):
        if value:
            return "one"
        return "other"

    def never():
        return "nothing"
"""

TEST = """
    import threading
    import pytest
    import code_under_test

    def started(*values):
        threads = [threading.Thread(target=code_under_test.branch, args=(value,)) for value in values]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    @pytest.mark.race(interleavings=5)
    def test_both():
        started(0, 1)
"""


@pytest.mark.parametrize("core", CORES)
def test_lines_of_threads_are_counted(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, core: str) -> None:
    pytester.makepyfile(RACE, test_other=TEST, code_under_test=MODULE)
    monkeypatch.setenv("COVERAGE_CORE", core)
    counted = []
    for ours in ("-p no:racecheck -W ignore", "-p racecheck -W error"):
        monkeypatch.setenv("PYTEST_ADDOPTS", f"{ours} -p no:cacheprovider")
        arguments = ("-p", "pytest_cov", "--cov=.", "--cov-report=json", "-k", "both or plain")
        result = pytester.runpytest_subprocess(*arguments)
        result.assert_outcomes(passed=2, deselected=2)
        files = json.loads((pytester.path / "coverage.json").read_text())["files"]
        counted.append({name: (data["executed_lines"], data["missing_lines"]) for name, data in files.items()})
    assert counted[0] == counted[1]
    executed, missing = counted[1]["code_under_test.py"]
    assert (executed, missing) == ([1, 2, 3, 4, 6], [7])
