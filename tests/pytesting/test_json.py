"""The JSON report of a session."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

import pytest

from pytest_racecheck.report import json_file
from pytest_racecheck.report.model import TestResult

SOURCE = """
    import pytest

    @pytest.mark.race(interleavings=10, seed=5)
    def test_bad(racecheck): assert racecheck.interleaving < 4, "caf\\u00e9 \\udc80"

    @pytest.mark.race(interleavings=3)
    def test_good(racecheck): racecheck.outcome("x")

    @pytest.mark.race
    def test_skipped(): pytest.skip("no verdict")

    def test_unmarked(): pass
"""


def load(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.usefixtures("plain_engine")
class TestInASession:
    """What ``--racecheck-json`` writes."""

    def test_all_results_of_the_session(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile(SOURCE)
        pytester.runpytest("--racecheck-json=new/folder/out.json")
        report = load(pytester.path / "new" / "folder" / "out.json")
        assert set(report) == {"schema", "python", "free_threaded", "tests"}
        assert report["schema"] == 1
        assert report["python"] == platform.python_version()
        assert report["free_threaded"] is False
        bad, good = report["tests"]
        assert bad["nodeid"].endswith("::test_bad")
        assert (bad["verdict"], bad["first_failure"], bad["requested"], bad["seed"]) == ("race", 4, 10, 5)
        assert bad["failure"]["message"].startswith("café \udc80")
        assert good["failure"] is None
        assert good["outcomes"] == [["x", 3]]
        assert TestResult.from_json(good).verdict == "passed"

    def test_the_ini_twin_is_relative_to_the_root(self, pytester: pytest.Pytester) -> None:
        pytester.makeini("[pytest]\nracecheck_json = out.json")
        pytester.makepyfile(**{"sub/test_it": "def test_it(): pass"})
        pytester.chdir()
        pytester.runpytest("sub")
        assert load(pytester.path / "out.json")["tests"] == []

    def test_it_is_written_when_the_session_is_interrupted(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile(
            """
            import pytest
            @pytest.mark.race(interleavings=3)
            def test_a(): pass
            @pytest.mark.race(interleavings=3)
            def test_b(racecheck):
                if racecheck.interleaving == 2: pytest.exit("enough")
            """
        )
        run = pytester.runpytest("--racecheck-json=out.json")
        assert run.ret == pytest.ExitCode.INTERRUPTED
        assert [test["verdict"] for test in load(pytester.path / "out.json")["tests"]] == ["passed"]


def test_a_reader_never_sees_half_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    json_file.write(path, [])
    with pytest.raises(TypeError):
        json_file.write(path, [{"not plain": object()}])
    assert load(path)["tests"] == []
    assert [each.name for each in tmp_path.iterdir()] == ["out.json"]


def test_what_is_no_file_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        json_file.write(path, [])
        assert path.is_fifo()
        assert json.loads(os.read(reader, 10_000))["tests"] == []
    finally:
        os.close(reader)


def test_a_file_that_can_no_longer_be_written_fails_the_session_and_hides_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pathlib, shutil

        def test_it():
            shutil.rmtree("out")
            pathlib.Path("out").touch()
        """
    )
    result = pytester.runpytest("--racecheck-json=out/report.json")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["error: *report.json can't be written: *", "*1 passed*"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_places_where_nothing_can_be_written_are_usage_errors(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(): pass")
    for path in ("/proc/report.json", "/proc/no/report.json", "~nobody-at-all/report.json"):
        result = pytester.runpytest(f"--racecheck-json={path}")
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines(
            [f"ERROR: --racecheck-json: '{path}' is not allowed (*); give the path of a file *"]
        )
