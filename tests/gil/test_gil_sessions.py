"""Sessions with the marker, the option and the fixture."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

# Imported here for good: pytester forgets the modules that come in while it is at work.
from pytest_racecheck.gil import hot_lines, measure
from pytest_racecheck.gil.model import Measurement
from pytest_racecheck.pytesting import explored, gil_hooks, gil_item, gil_summary, item_hooks  # noqa: F401

WAITING = """
    import threading, time, pytest

    def at_once(*functions):
        threads = [threading.Thread(target=function) for function in functions]
        for thread in threads: thread.start()
        for thread in threads: thread.join()

    def wait(): time.sleep(0.1)
"""


@pytest.fixture(autouse=True)
def only_racecheck(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p racecheck -p no:cacheprovider")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(measure.measure, "__kwdefaults__", {"limit": 0.2, "finish": None})


def measured(pytester: pytest.Pytester) -> list[dict[str, Any]]:
    return list(json.loads((pytester.path / "out.json").read_text()).get("gil", []))


def test_the_marker_measures_with_fresh_fixtures_and_judges(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        WAITING
        + """
    @pytest.fixture
    def box(request, capsys):
        seen = []
        yield seen
        assert len(seen) == 4

    @pytest.mark.gil(min_speedup=1.2, verdict="I/O-bound")
    def test_good(box, tmp_path):
        assert not box and not list(tmp_path.iterdir())
        (tmp_path / "x").touch()
        at_once(*[lambda: (wait(), box.append(1))] * 4)

    @pytest.mark.gil(min_speedup=50)
    def test_bad():
        at_once(wait, wait)

    class TestMore:
        @pytest.mark.gil
        def test_fails(self):
            at_once(wait, wait)
            assert 1 == 2, "as it should"

    def test_unmarked():
        assert not [thread for thread in threading.enumerate() if "wait" in thread.name]
    """
    )
    run = pytester.runpytest("--racecheck-json=out.json")
    run.assert_outcomes(passed=2, failed=2)
    run.stdout.fnmatch_lines(
        [
            "*gil: speed-up *, at least 50 wanted",
            "*gil report*",
            "*threads*serial s*threaded s*speed-up*ideal*CPU use*verdict",
            "*test_good *I/O-bound",
            "*test_bad *I/O-bound",
            "*speed-up *, at least 50 wanted",
            "FAILED *test_bad - Failed: gil: *",
            "FAILED *test_fails - Assert*",
        ]
    )
    good, bad = measured(pytester)
    assert (good["verdict"], good["threads"], good["limits"]) == ("I/O-bound", 4, [])
    assert good["name"].endswith("::test_good")
    assert bad["limits"][0].startswith("speed-up ")
    assert Measurement.from_json(good).shares.io > 0.5


def test_explored_tests_are_measured_after_their_search(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        WAITING
        + """
    torn_down = []

    @pytest.fixture
    def clock():
        yield time.monotonic()
        torn_down.append(1)

    @pytest.mark.race(interleavings=3)
    def test_explored(clock, racecheck):
        racecheck.run(wait, wait, wait)

    @pytest.mark.race(interleavings=3)
    @pytest.mark.gil(verdict="parallel")
    def test_both():
        at_once(wait, wait)

    class Counter:
        value = 0

    @pytest.mark.race
    def test_racy():
        counter = Counter()
        def increment(): counter.value += 1
        at_once(increment, increment)
        assert counter.value == 2

    def test_nothing_is_left():
        assert len(torn_down) > 3
    """
    )
    run = pytester.runpytest("--gil-report", "--racecheck-json=out.json")
    run.assert_outcomes(passed=2, failed=2)
    run.stdout.fnmatch_lines(["*verdict I/O-bound instead of parallel", "*gil report*", "*test_racy*inconclusive"])
    explored_test, both, racy = measured(pytester)
    assert (explored_test["verdict"], explored_test["threads"]) == ("I/O-bound", 3)
    assert explored_test["serial"] > 0.28
    assert both["verdict"] == "I/O-bound"
    assert racy["why"] == "not measured: the search ended with race"


def test_a_sleep_is_real_when_measured_and_has_the_limit_of_an_interleaving(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        WAITING
        + """
    @pytest.mark.race(interleavings=3, timeout=0.7)
    def test_long(racecheck):
        racecheck.run(lambda: time.sleep(3600), wait)

    @pytest.mark.race(interleavings=3, timeout=0.7)
    def test_next(racecheck):
        racecheck.run(wait, wait)
    """
    )
    run = pytester.runpytest("--gil-report", "--racecheck-json=out.json")
    run.assert_outcomes(passed=2)
    long, following = measured(pytester)
    assert "a run in real time did not end within 0.7 s" in long["why"]
    assert following["verdict"] == "I/O-bound"


def test_the_interpreter_does_not_wait_for_what_took_too_long(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import time
        import pytest

        @pytest.mark.race(interleavings=3, timeout=0.5)
        def test_long(racecheck):
            racecheck.run(lambda: time.sleep(3600), int)
        """
    )
    run = pytester.runpytest_subprocess("-p", "racecheck", "--gil-report", timeout=60)
    assert run.ret == pytest.ExitCode.OK


def test_without_being_asked_for_nothing_is_measured(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(WAITING + "    @pytest.mark.race(interleavings=2)\n    def test_it(): at_once(wait, wait)\n")
    run = pytester.runpytest("--racecheck-json=out.json")
    run.assert_outcomes(passed=1)
    run.stdout.no_fnmatch_line("*gil report*")
    assert measured(pytester) == []
    pytester.makeini("[pytest]\nracecheck_gil_report = true")
    pytester.runpytest().stdout.fnmatch_lines(["*gil report*"])
    pytester.makeini("[pytest]\nracecheck_gil_report = maybe")
    pytester.runpytest().stderr.fnmatch_lines(["*racecheck_gil_report: 'maybe' is not allowed; give true or false"])


def test_nothing_of_it_is_loaded_without_need(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys
        def test_it():
            loaded = {name for name in sys.modules if name.startswith("pytest_racecheck") and "gil" in name}
            assert loaded <= {"pytest_racecheck.pytesting.gil_fixture"}
        """
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_a_machine_that_is_busy_skips(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    busy = Measurement("it", verdict="starved of CPU", why="so", advice="starved of CPU: so", speedup=1.0, cores=2)
    monkeypatch.setattr(gil_item.MeasuredItem, "_run", lambda self: setattr(self, "measured", busy))
    pytester.makepyfile("import pytest\n@pytest.mark.gil(min_speedup=2)\ndef test_it(): pass")
    pytester.runpytest().assert_outcomes(skipped=1)


def test_the_fixture(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        WAITING
        + """
    def test_compare(gil):
        measured = gil.compare(wait, threads=4, limit=0.2)
        assert measured.verdict == "I/O-bound", measured
        assert measured.speedup > 1.2 and measured.ideal > 2 and measured.shares.io > 0.5
        assert str(measured) == measured.advice
        for arguments in ({"threads": 0}, {"threads": "2"}, {"args": 3}):
            with pytest.raises(TypeError, match="is not allowed; give"):
                gil.compare(wait, **arguments)
        with pytest.raises(TypeError, match="gil takes a callable, not 3"):
            gil.compare(3)
        with pytest.raises(ZeroDivisionError):
            gil.compare(lambda: 1 / 0)

    @pytest.mark.race
    def test_explored(gil):
        with pytest.raises(RuntimeError, match="without the marker race"):
            gil.compare(wait)

    def test_tasks(cpu_task, io_task, monkeypatch):
        assert cpu_task(10) == 10
        waited = []
        monkeypatch.setattr("time.sleep", waited.append)
        io_task()
        assert waited == [1.0]
    """
    )
    run = pytester.runpytest("--racecheck-json=out.json", "-v")
    run.assert_outcomes(passed=3)
    run.stdout.fnmatch_lines(["*test_compare: wait *", "*confidence *: *, * together in * s"])
    assert measured(pytester)[0]["name"].endswith("::test_compare: wait")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="py-spy may not look at its parent elsewhere")
def test_the_lines_that_held_the_gil(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hot_lines, "_ENOUGH", 0.3)
    pytester.makepyfile(
        WAITING
        + """
    def spin():
        n = 700_000
        while n: n -= 1

    @pytest.mark.gil
    def test_it(): at_once(spin, spin)
    """
    )
    run = pytester.runpytest("-v", "--racecheck-json=out.json")
    run.assert_outcomes(passed=1)
    (found,) = measured(pytester)
    assert bool(found["hot_lines"]) != bool(found["hot_lines_reason"])
    if found["hot_lines"]:
        assert found["hot_lines"][0]["function"] in ("spin", "at_once")
        run.stdout.fnmatch_lines(["*lines that held the GIL:", "*%  *.py:*  *"])


def test_a_marker_that_can_not_be_used(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import pytest\n@pytest.mark.gil(min_speedup='2')\ndef test_it(): pass")
    run = pytester.runpytest()
    assert run.ret == pytest.ExitCode.USAGE_ERROR
    run.stderr.fnmatch_lines(["*::test_it: marker gil: min_speedup: '2' is not allowed; give a number above 0"])


def test_unittest_and_workers(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("xdist")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p racecheck -p xdist -p no:cacheprovider")
    pytester.makepyfile(
        WAITING
        + """
    import unittest

    class TestCase(unittest.TestCase):
        def setUp(self): self.calls = 0

        @pytest.mark.gil
        def test_it(self):
            self.calls += 1
            at_once(wait, wait)
            self.assertEqual(self.calls, 1)
    """
    )
    run = pytester.runpytest_subprocess("-n1", "--racecheck-json=out.json")
    run.assert_outcomes(passed=1)
    run.stdout.fnmatch_lines(["*gil report*", "*::test_it *I/O-bound"])
    assert measured(pytester)[0]["verdict"] == "I/O-bound"
