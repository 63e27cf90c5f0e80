"""Doctests and methods of unittest.TestCase, which pytest runs in ways of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest


def test_doctests_and_unittest_cases(pytester: pytest.Pytester, results: Callable[[], dict[str, Any]]) -> None:
    pytester.makeconftest(
        """
        import pytest

        def pytest_collection_modifyitems(items):
            for item in items:
                item.add_marker(pytest.mark.race)
        """
    )
    pytester.makepyfile(
        docs='''
        """
        >>> import threading
        >>> box = [0]
        >>> def add():
        ...     n = box[0]
        ...     box[0] = n + 1
        >>> threads = [threading.Thread(target=add) for _ in range(2)]
        >>> for thread in threads: thread.start()
        >>> for thread in threads: thread.join()
        >>> box
        [2]
        """
        ''',
        test_case="""
        import threading, unittest

        class TestCase(unittest.TestCase):
            def setUp(self):
                self.n = 0
                self.lock = threading.Lock()
                self.addCleanup(self.lock.locked)

            def add(self):
                self.n += 1

            def add_locked(self):
                with self.lock:
                    self.n += 1

            def both(self, function):
                threads = [threading.Thread(target=function) for _ in range(2)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()

            def test_bad(self):
                self.both(self.add)
                self.assertEqual(self.n, 2)

            def test_good(self):
                self.both(self.add_locked)
                with self.subTest("locked"):
                    self.assertEqual(self.n, 2)
        """,
    )
    result = pytester.runpytest("--doctest-modules", "--racecheck-json=out.json")
    result.assert_outcomes(passed=1, failed=2)
    verdicts = {name: test["verdict"] for name, test in results().items()}
    assert verdicts.pop("TestCase::test_good") in ("passed", "proved")
    assert verdicts == {"docs": "race", "TestCase::test_bad": "race"}
    assert "--racecheck-replay=rc1-" in result.stdout.str()
