"""Hypothesis: examples outside, interleavings inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("hypothesis")

PLUGIN = ("-p", "_hypothesis_pytestplugin", "--racecheck-json=out.json")

HEAD = """
    import pytest, threading, time
    from hypothesis import assume, event, example, given, note, seed, settings, strategies as st, target
    from hypothesis.database import DirectoryBasedExampleDatabase

    settings.register_profile("none", database=None)

    class Counter:
        def __init__(self, value=0):
            self.value = value
            self.lock = threading.Lock()

        def add(self, amount):
            value = self.value
            self.value = value + amount

        def add_locked(self, amount):
            with self.lock:
                self.add(amount)
"""

FAILING = """
    @pytest.mark.race
    @seed(1)
    @settings(database=DirectoryBasedExampleDatabase("examples"))
    @given(amount=st.integers(0, 1000), values=st.lists(st.integers()))
    def test_race(amount, values, racecheck):
        values.append(1)
        note(f"noted {len(values)}")
        counter = Counter()
        racecheck.run(lambda: counter.add(amount), lambda: counter.add(2))
        assert amount < 7 or counter.value == amount + 2

    @pytest.mark.race
    @seed(1)
    @settings(database=None)
    @given(size=st.integers(0, 10))
    def test_deadlock(size):
        first, second = threading.Lock(), threading.Lock()

        def both(one, other):
            with one, other:
                pass

        if size >= 4:
            threads = [
                threading.Thread(target=both, args=locks) for locks in ((first, second), (second, first))
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    @pytest.mark.race
    @settings(database=None)
    @example(values=[5])
    @given(values=st.lists(st.integers(), max_size=2))
    def test_explicit(values, racecheck):
        racecheck.run(lambda: values.append(1), lambda: None)
        assert values != [5, 1]

    class TestClass:
        @pytest.mark.race
        @seed(1)
        @settings(database=None)
        @given(data=st.data())
        def test_interactive(self, data, racecheck):
            amount = data.draw(st.integers(0, 100))
            counter = Counter()
            racecheck.run(lambda: counter.add(amount), lambda: counter.add(2))
            assert amount < 7 or counter.value == amount + 2

    runs = []

    @pytest.mark.race
    @seed(1)
    @settings(database=None)
    @given(value=st.integers())
    def test_different_each_time(value, racecheck):
        runs.append(value)
        racecheck.run(lambda: None, lambda: None)
        assert len(runs) != 30

    @pytest.mark.race
    @settings(database=None)
    @given(value=st.integers())
    def test_vacuous(value, racecheck):
        racecheck.sometimes(False, "never")
"""


def test_examples_shrink_and_schedules_too(pytester: pytest.Pytester, results: Callable[[], dict[str, Any]]) -> None:
    pytester.makepyfile(HEAD + FAILING)
    result = pytester.runpytest(*PLUGIN)
    result.assert_outcomes(failed=6)
    found = results()
    assert {name: test["verdict"] for name, test in found.items()} == {
        "test_race": "race",
        "test_deadlock": "deadlock",
        "test_explicit": "serial-failure",
        "TestClass::test_interactive": "race",
        "test_different_each_time": "nondeterministic",
        "test_vacuous": "serial-failure",
    }
    result.stdout.fnmatch_lines(
        [
            *("E       F*: test_race(*", "E           amount=7,", "E           values=[],"),
            *("E       noted 1", "*@reproduce_failure(*", "T1 * T2 *", "*read value: 0*"),
            "note: * of Hypothesis, each under 20 interleavings at most; all*",
            *("found in interleaving *; failed again in 10 of*", "replay: pytest *::test_race --racecheck-replay=*"),
            *("E   lock-order cycle: *", "E   F*: test_deadlock(", "E       size=4,"),
            "main: MainThread, running test_deadlock *",
            "E       F* explicit example: test_explicit(*",
            "E       Draw 1: 7",
            "*vacuous: 'never' held in none of *",
        ]
    )
    output = result.stdout.str()
    for word in ("Flaky", "DeadlineExceeded", "INTERNALERROR", "hypothesis/core.py", "accept.<locals>"):
        assert word not in output, word
    race = found["test_race"]
    assert race["requested"] == 2000
    assert race["first_failure"] == race["interleavings"] - 1
    assert race["failure"]["under_gil"] == "unreachable"
    # What Hypothesis keeps of the example and the token together are that run.
    token = race["failure"]["token"]
    again = pytester.runpytest(*PLUGIN, "-k", "test_race", f"--racecheck-replay={token}")
    again.assert_outcomes(failed=1, deselected=5)
    again.stdout.fnmatch_lines(["race: *", "E           amount=7,", "*read value: 0*"])
    assert results()["test_race"]["strategy"] == "replay"


PASSING = """
    set_ups = []

    @pytest.fixture
    def fresh(request, tmp_path):
        set_ups.append(request.node.name)
        yield []
        set_ups.append("torn down")

    class TestClass:
        def setup_method(self):
            self.used = False

        @pytest.mark.race
        @pytest.mark.parametrize("number", [1, 2])
        @settings(max_examples=20, database=None)
        @example(amount=0, values=[], counter=None)
        @given(amount=st.integers(), values=st.lists(st.integers()), counter=st.builds(Counter))
        def test_fresh(self, number, amount, values, counter, fresh, tmp_path, racecheck):
            assert not self.used and not fresh and not list(tmp_path.iterdir())
            self.used = True
            fresh.append(1)
            (tmp_path / "used").touch()
            before, counter = len(values), counter or Counter()
            racecheck.run(lambda: counter.add_locked(amount), lambda: values.append(1))
            counter.add_locked(number)
            assert counter.value == amount + number
            assert len(values) == before + 1
            racecheck.sometimes(amount > 0, "positive")

    @pytest.mark.race(threads=2)
    @settings(database=None, max_examples=10)
    @given(value=st.integers())
    def test_body_in_threads(value):
        assert threading.current_thread() is not threading.main_thread()
        time.sleep(10)

    @pytest.mark.race
    @settings(database=None, max_examples=30)
    @given(data=st.data(), value=st.integers(0, 50))
    def test_the_ways_to_talk_to_hypothesis(data, value, racecheck):
        assume(value % 5)
        event("seen")
        target(value, label="value")
        counter = Counter()
        racecheck.run(lambda: counter.add_locked(value), lambda: counter.add_locked(1))
        assert counter.value == value + 1
        if data.draw(st.booleans()):
            note("drawn")

    def test_counts():
        assert len(set_ups) == 2 * set_ups.count("torn down")
        print("torn down:", set_ups.count("torn down"))
"""


def test_values_and_fixtures_are_fresh_for_each_interleaving(
    pytester: pytest.Pytester, results: Callable[[], dict[str, Any]]
) -> None:
    pytester.makepyfile(HEAD + PASSING)
    result = pytester.runpytest(*PLUGIN, "-W", "error", "-rP")
    result.assert_outcomes(passed=5)
    found = results()
    interleavings = sum(test["interleavings"] for name, test in found.items() if "fresh" in name)
    assert interleavings > 2 * 20
    result.stdout.fnmatch_lines([f"torn down: {interleavings}"])
    assert {test["verdict"] for test in found.values()} == {"passed"}
    assert found["test_body_in_threads"]["requested"] == 2000


def test_in_a_unittest_case_it_is_refused(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest, unittest
        from hypothesis import given, strategies as st

        class TestCase(unittest.TestCase):
            @pytest.mark.race
            @given(value=st.integers())
            def test_it(self, value): pass
        """
    )
    result = pytester.runpytest(*PLUGIN)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*marker race: Hypothesis tests are not supported in a unittest.TestCase; use a *"])
