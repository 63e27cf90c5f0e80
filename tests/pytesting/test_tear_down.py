"""The tear-down of a test's own fixtures is a part of its interleavings: it may check what came of them."""

from __future__ import annotations

import json
import textwrap
from typing import Any

import pytest

PROGRAM = """
    import threading, unittest
    import pytest

    class Counter:
        def __init__(self): self.value, self.lock = 0, threading.Lock()
        def increment(self): self.value += 1
        def locked(self):
            with self.lock: self.value += 1

    def twice(function):
        threads = [threading.Thread(target=function) for _ in range(2)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
"""

WAYS = {
    "yield": """
        @pytest.fixture
        def counter():
            counter = Counter()
            yield counter
            assert counter.value == 2

        @pytest.mark.race
        def test_it(counter): twice(counter.METHOD)
    """,
    "finalizer of a fixture": """
        @pytest.fixture
        def counter(request):
            counter = Counter()
            def check(): assert counter.value == 2
            request.addfinalizer(check)
            return counter

        @pytest.mark.race
        def test_it(counter): twice(counter.METHOD)
    """,
    "finalizer of the test": """
        @pytest.mark.race
        def test_it(request):
            counter = Counter()
            def check(): assert counter.value == 2
            request.addfinalizer(check)
            twice(counter.METHOD)
    """,
    "teardown_method": """
        class TestIt:
            def setup_method(self): self.counter = Counter()
            def teardown_method(self): assert self.counter.value == 2

            @pytest.mark.race
            def test_it(self): twice(self.counter.METHOD)
    """,
    "unittest": """
        class TestIt(unittest.TestCase):
            def setUp(self): self.counter = Counter()
            def tearDown(self): assert self.counter.value == 2

            @pytest.mark.race
            def test_it(self): twice(self.counter.METHOD)
    """,
}


def run(pytester: pytest.Pytester, source: str, *arguments: str) -> pytest.RunResult:
    """Run a test module that starts with ``PROGRAM``."""
    pytester.makepyfile(test_it=textwrap.dedent(PROGRAM) + textwrap.dedent(source))
    return pytester.runpytest("--racecheck-json=out.json", *arguments)


def results(pytester: pytest.Pytester) -> Any:
    return json.loads((pytester.path / "out.json").read_text())["tests"]


@pytest.mark.parametrize("way", WAYS)
def test_a_race_that_only_the_tear_down_sees_is_one_like_all(pytester: pytest.Pytester, way: str) -> None:
    result = run(pytester, WAYS[way].replace("METHOD", "increment"))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["race: *1 == 2*1 preemption is enough", "why: lost update on *", "replay: pytest *"])
    (test,) = results(pytester)
    assert (test["verdict"], test["failure"]["reproduced"]) == ("race", [10, 10])
    pytester.runpytest(f"--racecheck-replay={test['failure']['token']}").assert_outcomes(failed=1)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_right_is_proved_with_its_tear_down(pytester: pytest.Pytester, way: str) -> None:
    run(pytester, WAYS[way].replace("METHOD", "locked")).assert_outcomes(passed=1)
    assert [test["verdict"] for test in results(pytester)] == ["proved"]


def test_under_stress_and_with_hypothesis_the_tear_down_counts_too(pytester: pytest.Pytester) -> None:
    source = """
        from hypothesis import given, settings, strategies

        @pytest.fixture
        def counter():
            counter = Counter()
            yield counter
            assert counter.value == 2

        @pytest.mark.race(strategy="stress")
        def test_stress(counter): twice(counter.increment)

        @pytest.mark.race
        @settings(max_examples=3)
        @given(number=strategies.integers(0, 1))
        def test_example(counter, number): twice(counter.increment)
    """
    run(pytester, source, "-p", "_hypothesis_pytestplugin").assert_outcomes(failed=2)
    assert [test["verdict"] for test in results(pytester)] == ["race", "race"]


def test_the_last_interleaving_is_torn_down_before_it_counts(pytester: pytest.Pytester) -> None:
    source = """
        @pytest.mark.race(interleavings=3, strategy="random")
        def test_it(request, racecheck):
            twice(Counter().locked)
            def check(): assert racecheck.interleaving < 2
            request.addfinalizer(check)

        def test_next(): pass
    """
    result = run(pytester, source)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["nondeterministic: AssertionError: * in interleaving 2 *"])


def test_a_tear_down_that_waits_for_ever_is_a_deadlock_and_the_others_follow(pytester: pytest.Pytester) -> None:
    source = """
        @pytest.fixture
        def first():
            yield
            with open("first.txt", "a") as file: file.write("gone ")

        @pytest.fixture
        def second(first):
            lock = threading.Lock()
            yield lock
            lock.acquire()
            lock.acquire()

        @pytest.mark.race(interleavings=2)
        def test_it(second): twice(lambda: None)

        def test_next(first): pass
    """
    result = run(pytester, source)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["deadlock: self-deadlock; *", "  main holds lock, wants lock again"])
    (test,) = results(pytester)
    assert test["verdict"] == "deadlock"
    assert (pytester.path / "first.txt").read_text() == "gone gone gone "


def test_a_tear_down_that_fails_after_the_body_did_hides_nothing(pytester: pytest.Pytester) -> None:
    source = """
        @pytest.fixture
        def counter():
            counter = Counter()
            yield counter
            assert counter.value == 2, "told by the fixture"

        @pytest.mark.race
        def test_it(counter):
            twice(counter.increment)
            assert counter.value == 2, "told by the test"
    """
    result = run(pytester, source)
    result.assert_outcomes(failed=1, errors=1)  # of the last run, which pytest itself tears down
    result.stdout.fnmatch_lines(["E *told by the fixture", "race: *told by the test*", "E *told by the test"])
    assert [test["verdict"] for test in results(pytester)] == ["race"]


def test_threads_that_end_badly_when_they_lose_what_they_use_fail_nothing(pytester: pytest.Pytester) -> None:
    source = """
        import queue

        @pytest.fixture
        def jobs():
            jobs = queue.Queue()
            def work():
                while True: jobs.get()[0]
            thread = threading.Thread(target=work, daemon=True)
            thread.start()
            yield jobs
            jobs.put(None)
            thread.join()

        @pytest.mark.race
        def test_it(jobs): jobs.put([1])
    """
    run(pytester, source).assert_outcomes(passed=1)


def test_the_files_of_the_last_interleaving_stay(pytester: pytest.Pytester) -> None:
    source = """
        @pytest.fixture
        def log(tmp_path):
            yield tmp_path / "log.txt"
            assert (tmp_path / "log.txt").read_text() == "xx"

        @pytest.mark.race(interleavings=3)
        def test_it(log):
            def write():
                with log.open("a") as file: file.write("x")
            twice(write)
    """
    run(pytester, source, "--basetemp=base").assert_outcomes(passed=1)
    assert [path.read_text() for path in pytester.path.glob("base/test_it[0-9]/log.txt")] == ["xx"]
