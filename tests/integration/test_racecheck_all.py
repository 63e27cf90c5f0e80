"""``--racecheck-all`` on suites that know nothing of racecheck: what can't be explored is run as ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

SUITE = """
    import asyncio, os, tempfile, threading, time, unittest
    import pytest

    seen = set()

    def real_time():
        with tempfile.TemporaryFile() as file:
            return os.fstat(file.fileno()).st_mtime

    def test_once_in_a_process():
        thread = threading.Thread(target=lambda: None)
        thread.start()
        thread.join()
        assert 1 not in seen
        seen.add(1)

    def test_real_clock():
        before = real_time()
        time.sleep(0.1)
        assert real_time() - before > 0.05

    @pytest.fixture
    def waits():
        before = real_time()
        time.sleep(0.1)
        assert real_time() - before > 0.05
        yield []

    def test_fixture_with_real_clock(waits):
        waits.append(1)
        assert len(waits) == 1

    def test_race():
        n = 0

        def add():
            nonlocal n
            before = n
            n = before + 1

        threads = [threading.Thread(target=add) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert n == 2

    def test_fails():
        assert False

    def test_skips():
        pytest.skip("not today")

    def test_capsys(capsys):
        print("x")
        assert capsys.readouterr().out == "x\\n"

    class TestCase(unittest.TestCase):
        def test_passes(self):
            self.assertEqual(1, 1)

        @unittest.expectedFailure
        def test_expected(self):
            self.assertEqual(1, 2)

    def test_loop():
        asyncio.run(asyncio.sleep(0.01))

    items = []

    def test_not_safe_in_threads():
        items.append(1)
        length = len(items)
        assert len(items) == length

    class TestMarked:
        runs = 0

        @pytest.mark.race(interleavings=3)
        def test_marked(self):
            type(self).runs += 1
            assert threading.current_thread() is threading.main_thread()
"""


def test_a_suite_without_markers(pytester: pytest.Pytester, results: Callable[[], dict[str, Any]]) -> None:
    pytester.makepyfile(SUITE)
    result = pytester.runpytest("--racecheck-all", "-v", "--racecheck-json=out.json")
    result.assert_outcomes(passed=8, failed=2, skipped=1, xfailed=1)
    assert {name: test["verdict"] for name, test in results().items()} == {
        "test_race": "race",
        "TestMarked::test_marked": "passed",
    }
    result.stdout.fnmatch_lines(
        [
            "7 tests not explored, but run as ever:",
            *("  4: starts no second thread: there is nothing to interleave", "    *::TestCase::test_passes"),
            "  1: it fails when it is run again under racecheck's control",
            "    *::test_once_in_a_process (AssertionError*)",
            *("  1: it fails under racecheck's control", "    *::test_real_clock (AssertionError*)"),
            *("  1: its fixtures fail under racecheck's control", "    *::test_fixture_with_real_clock (AssertionE*)"),
        ]
    )


def test_their_bodies_in_threads(pytester: pytest.Pytester, results: Callable[[], dict[str, Any]]) -> None:
    pytester.makepyfile(SUITE)
    arguments = ("--racecheck-all", "--racecheck-threads=2", "--racecheck-json=out.json", "--interleavings=40")
    result = pytester.runpytest(*arguments)
    result.assert_outcomes(passed=7, failed=3, skipped=1, xfailed=1)
    verdicts = {name: test["verdict"] for name, test in results().items()}
    assert verdicts.pop("test_loop") in ("passed", "proved")
    assert verdicts == {"test_race": "race", "test_not_safe_in_threads": "race", "TestMarked::test_marked": "passed"}
    result.stdout.fnmatch_lines(
        [
            "* tests not explored, but run as ever (-v names them):",
            "  2: its body fails when it is run a second time under racecheck's control",
            "  2: a method of unittest.TestCase can't be run in several threads at once",
            "  1: its fixtures fail under racecheck's control",
            "  1: uses capsys, which belongs to one thread",
        ]
    )


@pytest.mark.parametrize("options", [[], ["--racecheck-threads=2"]])
def test_the_command_that_replays_says_that_there_is_no_marker(pytester: pytest.Pytester, options: list[str]) -> None:
    pytester.makepyfile(SUITE)
    name = "test_not_safe_in_threads" if options else "test_race"
    result = pytester.runpytest("--racecheck-all", *options, "-k", name, "-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    (command,) = (line.partition("replay: pytest ")[2] for line in result.outlines if line.startswith("replay: "))
    assert ["--racecheck-all", *options] == command.split()[1:-1]
    again = pytester.runpytest(*command.split())
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["1 test, 1 interleaving *: 1 race"])


def test_what_takes_too_long_under_control_is_no_hang(
    pytester: pytest.Pytester, results: Callable[[], dict[str, Any]]
) -> None:
    pytester.makepyfile(
        """
        import _queue, threading

        runs = []

        def test_works_on_and_on():
            thread = threading.Thread(target=lambda: None)
            thread.start()
            runs.append(1)
            while len(runs) > 1:
                sum(range(1000))
            thread.join()

        def test_waits_for_ever():
            thread = threading.Thread(target=lambda: None)
            thread.start()
            runs.append(1)
            if len(runs) > 3:
                _queue.SimpleQueue().get()
            thread.join()
        """
    )
    result = pytester.runpytest_subprocess(
        *("-p", "racecheck", "--racecheck-all", "--racecheck-timeout=1", "--racecheck-json=out.json")
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["1 test not explored, but run as ever*", "  1: it takes too long under racecheck's control"]
    )
    assert {name: test["verdict"] for name, test in results().items()} == {"test_waits_for_ever": "deadlock"}


def test_a_class_that_is_skipped_is_skipped(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import unittest

        class Skips(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                raise unittest.SkipTest("not here")

            def test_it(self): pass

        @unittest.skip("not here either")
        class Skipped(unittest.TestCase):
            def test_it(self): pass

        class Fails(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                raise ValueError

            def test_it(self): pass
        """
    )
    pytester.runpytest("--racecheck-all").assert_outcomes(skipped=2, errors=1)
