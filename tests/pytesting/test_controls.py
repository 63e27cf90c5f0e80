"""What a test says to racecheck, and what of its code racecheck looks at, in whole sessions with the real engine."""

from __future__ import annotations

import json
import textwrap
from typing import Any

import pytest

HEAD = """
    import threading

    import pytest

    class Shared:
        def __init__(self):
            self.value = 0
"""


def explore(pytester: pytest.Pytester, source: str, *arguments: str) -> tuple[pytest.RunResult, list[dict[str, Any]]]:
    """The session, and what the report says of each marked test."""
    pytester.makepyfile(test_it=textwrap.dedent(HEAD) + textwrap.dedent(source))
    result = pytester.runpytest_inprocess("--racecheck-json=out.json", *arguments)
    tests: list[dict[str, Any]] = json.loads((pytester.path / "out.json").read_text())["tests"]
    return result, tests


def test_atomic_allows_no_preemption_inside(pytester: pytest.Pytester) -> None:
    result, tests = explore(
        pytester,
        """
        @pytest.mark.race
        @pytest.mark.parametrize("guarded", [True, False])
        def test_it(racecheck, guarded):
            shared = Shared()
            def add():
                if guarded:
                    with racecheck.atomic():
                        shared.value += 1
                else:
                    shared.value += 1
            racecheck.run(add, add)
            assert shared.value == 2
        """,
    )
    result.assert_outcomes(passed=1, failed=1)
    assert tests[0]["verdict"] in ("passed", "proved")
    assert tests[1]["verdict"] == "race"


@pytest.mark.parametrize("strategy", ["auto", "exhaustive", "random"])
def test_between_two_atomic_blocks_there_is_a_preemption(pytester: pytest.Pytester, strategy: str) -> None:
    _, tests = explore(
        pytester,
        """
        @pytest.mark.race
        def test_it(racecheck):
            shared = Shared()
            def add():
                with racecheck.atomic():
                    seen = shared.value
                with racecheck.atomic():
                    shared.value = seen + 1
            racecheck.run(add, add)
            assert shared.value == 2
        """,
        f"--racecheck-strategy={strategy}",
    )
    assert tests[0]["verdict"] == "race"


def test_atomic_may_block_and_may_be_left_by_an_exception(pytester: pytest.Pytester) -> None:
    result, _ = explore(
        pytester,
        """
        @pytest.mark.race(interleavings=30)
        def test_it(racecheck):
            lock, shared = threading.Lock(), Shared()
            def add():
                try:
                    with racecheck.atomic(), lock:
                        shared.value += 1
                        raise ValueError
                except ValueError:
                    pass
            racecheck.run(add, add)
            assert shared.value == 2
        """,
    )
    result.assert_outcomes(passed=1)


def test_a_point_is_where_threads_may_be_switched(pytester: pytest.Pytester) -> None:
    # Excluded, so that no access of its own is a scheduling point.
    result, tests = explore(
        pytester,
        """
        @pytest.mark.race(exclude="test_it.py", strategy="random")
        @pytest.mark.parametrize("pointed", [True, False])
        def test_it(racecheck, pointed):
            shared = Shared()
            def add():
                seen = shared.value
                if pointed:
                    racecheck.point("between")
                shared.value = seen + 1
            racecheck.run(add, add)
            assert shared.value == 2
        """,
    )
    result.assert_outcomes(passed=1, failed=1)
    assert [test["verdict"] for test in tests] == ["race", "passed"]
    (preemption,) = tests[0]["failure"]["preemptions"]
    assert "between" in preemption["source"]


def test_sometimes_has_to_hold_in_some_interleaving(pytester: pytest.Pytester) -> None:
    result, tests = explore(
        pytester,
        """
        @pytest.mark.race(interleavings=60)
        def test_it(racecheck):
            order = []
            racecheck.run(lambda: order.append(1), lambda: order.append(2))
            racecheck.sometimes(order == [1, 2], "in order")
            racecheck.sometimes(order == [2, 1], "out of order")

        @pytest.mark.race(interleavings=60)
        def test_vacuous(racecheck):
            order = []
            racecheck.run(lambda: order.append(1), lambda: order.append(2))
            racecheck.sometimes(order == [1, 2], "in order")
            racecheck.sometimes(len(order) == 3, "three of them")
        """,
    )
    result.assert_outcomes(passed=1, failed=1)
    assert [test["sometimes"] for test in tests] == [[], ["three of them"]]
    result.stdout.fnmatch_lines(["E *vacuous: 'three of them' held in none of * interleavings (racecheck.sometimes)*"])


def test_the_traceback_of_a_thread_is_that_of_the_failure(pytester: pytest.Pytester) -> None:
    for start in (
        "racecheck.run(pop, pop)",
        "both = [threading.Thread(target=pop) for _ in '12']; [t.start() for t in both]; [t.join() for t in both]",
    ):
        result, tests = explore(
            pytester,
            f"""
            def take(items):
                return items.pop()  # where it happens

            @pytest.mark.race
            def test_it(racecheck):
                items = [1]
                def pop():
                    if items:
                        take(items)
                {start}
            """,
        )
        result.assert_outcomes(failed=1)
        assert (tests[0]["verdict"], tests[0]["failure"]["exception"]) == ("race", "IndexError")
        result.stdout.fnmatch_lines(
            [">       return items.pop()  # where it happens", "E       IndexError: pop from empty list"]
        )
        assert "pytest_racecheck" not in result.stdout.str().replace("pytest_racecheck_", "")


def test_excluded_modules_are_not_looked_at(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        helper="""
        class Counter:
            def __init__(self):
                self.value = 0

            def add(self):
                self.value += 1
        """
    )
    source = """
        from helper import Counter

        @pytest.mark.race(strategy="random"{marker})
        def test_it(racecheck):
            counter = Counter()
            racecheck.run(counter.add, counter.add)
            assert counter.value == 2
        """
    for marker, arguments, verdict in (
        ("", (), "race"),
        (", exclude='helper'", (), "passed"),
        ("", ("-o", "racecheck_exclude=helper"), "passed"),
        ("", ("-o", "racecheck_exclude=*/helper.py"), "passed"),
        (", exclude=[]", ("-o", "racecheck_exclude=helper"), "race"),
        (", include='helper'", ("-o", "racecheck_exclude=somewhere"), "race"),
    ):
        _, tests = explore(pytester, source.format(marker=marker), *arguments)
        assert [test["verdict"] for test in tests] == [verdict], (marker, arguments)
