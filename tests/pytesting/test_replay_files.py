"""``--racecheck-replay`` takes a token, a file that holds one, and a JSON report."""

from __future__ import annotations

import json
import textwrap

import pytest

PROGRAM = """
    import threading
    import pytest

    class Counter:
        value = 0

    def run(times):
        counter = Counter()

        def increment():
            counter.value += 1

        threads = [threading.Thread(target=increment) for _ in range(times)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return counter.value

    @pytest.mark.race
    def test_two():
        assert run(2) == 2

    @pytest.mark.race
    def test_three():
        assert run(3) == 3

    def test_plain():
        pass
"""


@pytest.fixture
def report(pytester: pytest.Pytester) -> dict[str, str]:
    """The tokens of the two failures, by node id, which are in report.json as well."""
    pytester.makepyfile(PROGRAM)
    pytester.runpytest("-p", "racecheck", "--racecheck-json=report.json").assert_outcomes(failed=2, passed=1)
    tests = json.loads((pytester.path / "report.json").read_text())["tests"]
    return {test["nodeid"].rpartition("::")[2]: test["failure"]["token"] for test in tests}


def test_all_failures_of_a_report_are_replayed(pytester: pytest.Pytester, report: dict[str, str]) -> None:
    result = pytester.runpytest("-p", "racecheck", "--racecheck-replay=report.json")
    result.assert_outcomes(failed=2, deselected=1)


def test_the_ini_twin_takes_a_file_of_the_root_folder(pytester: pytest.Pytester, report: dict[str, str]) -> None:
    pytester.makeini("[pytest]\nracecheck_replay = report.json")
    result = pytester.runpytest("-p", "racecheck")
    result.assert_outcomes(failed=2, deselected=1)
    result.stdout.fnmatch_lines(["racecheck *: replays one interleaving"])
    pytester.makeini("[pytest]\nracecheck_replay = rc9-no")
    result = pytester.runpytest("-p", "racecheck")
    result.stderr.fnmatch_lines(["ERROR: ini option racecheck_replay: *"])
    token = report["test_two"]
    pytester.runpytest("-p", "racecheck", f"--racecheck-replay={token}", "-k", "two").assert_outcomes(
        failed=1, deselected=2
    )


def test_what_is_neither_a_token_nor_a_file_is_called_so(pytester: pytest.Pytester) -> None:
    for text in ("missing.json", "~nobody-at-all/report.json"):
        result = pytester.runpytest("-p", "racecheck", f"--racecheck-replay={text}")
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines([f"ERROR: --racecheck-replay: '{text}' is no replay token*; nor is there a file *"])


def test_one_of_them_is_replayed_when_one_is_selected(pytester: pytest.Pytester, report: dict[str, str]) -> None:
    result = pytester.runpytest("-p", "racecheck", "--racecheck-replay=report.json", "-k", "two")
    result.assert_outcomes(failed=1, deselected=2)


def test_a_replay_tells_what_the_report_told(pytester: pytest.Pytester, report: dict[str, str]) -> None:
    result = pytester.runpytest("-p", "racecheck", f"--racecheck-replay={report['test_two']}", "-k", "two")
    result.stdout.fnmatch_lines(["race: * 1 == 2; 1 preemption is enough"])


def test_the_command_names_the_seed_that_random_numbers_come_from(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PROGRAM)
    result = pytester.runpytest("-p", "racecheck", "--racecheck-seed=7", "-k", "two")
    result.stdout.fnmatch_lines(["replay: pytest *::test_two --racecheck-seed=7 --racecheck-replay=rc1-*"])


def test_a_replay_that_left_its_track_says_so(pytester: pytest.Pytester, report: dict[str, str]) -> None:
    pytester.makepyfile(PROGRAM.replace("counter.value += 1", "setattr(counter, 'value', 2)"))
    result = pytester.runpytest("-p", "racecheck", f"--racecheck-replay={report['test_two']}", "-k", "two")
    result.assert_outcomes(passed=1, deselected=2)
    result.stdout.fnmatch_lines(["*the replay left its track at *counter.value*"])


def test_a_file_may_hold_a_token_among_other_text(pytester: pytest.Pytester, report: dict[str, str]) -> None:
    (pytester.path / "from the mail.txt").write_text(f"Please look:\n> --racecheck-replay={report['test_two']}\nThanks")
    result = pytester.runpytest("-p", "racecheck", "--racecheck-replay=from the mail.txt", "-k", "two")
    result.assert_outcomes(failed=1, deselected=2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("nothing here", "there is no token in file; give a token, a file that holds one, or a JSON report"),
        ('{"tests": []}', "no test of the JSON report file has a failure that can be replayed"),
        ('{"tests": 5}', "no test of the JSON report file has a failure that can be replayed"),
        ('{"tests": [5, {"nodeid": "a", "failure": 5}]}', "no test of the JSON report file has a failure"),
        ('{"tests": [{"nodeid": "a", "failure": {"token": 5}}]}', "no test of the JSON report file has a failure"),
        ('{"tests": [{"failure": {"token": "x"}}]}', "no test of the JSON report file has a failure"),
        ("rc1-AAAA", "is damaged"),
        ('{"tests": [{"nodeid": "test_x.py::test_gone", "failure": {"token": "rc9-AAAA"}}]}', "newer racecheck"),
    ],
)
def test_a_file_that_can_not_be_replayed_is_a_usage_error(
    pytester: pytest.Pytester, content: str, message: str
) -> None:
    pytester.makepyfile(PROGRAM)
    (pytester.path / "file").write_text(content)
    result = pytester.runpytest("-p", "racecheck", "--racecheck-replay=file")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*--racecheck-replay: *{message}*"])


def test_a_report_about_other_tests_is_a_usage_error(pytester: pytest.Pytester, report: dict[str, str]) -> None:
    pytester.makepyfile(test_other="def test_other(): pass")
    result = pytester.runpytest("-p", "racecheck", "--racecheck-replay=report.json", "test_other.py")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*the report has failures of *test_two*none of which is selected*"])


def test_a_token_that_nobody_would_follow_is_a_usage_error(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_unmarked(): pass")
    run = pytester.runpytest("--racecheck-replay=rc1-eNqLNowFAAHTAOqoIC_t")
    assert run.ret == pytest.ExitCode.USAGE_ERROR
    run.stderr.fnmatch_lines(["*--racecheck-replay: none of the selected tests has the marker race;*--racecheck-all*"])


def test_the_command_holds_where_it_was_printed(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makeini("[pytest]")
    folder = pytester.mkdir("sub")
    (folder / "test_it.py").write_text(textwrap.dedent(PROGRAM))
    monkeypatch.chdir(folder)
    run = pytester.runpytest("-k", "test_two")
    run.stdout.fnmatch_lines(["replay: pytest test_it.py::test_two --racecheck-replay=*"])
