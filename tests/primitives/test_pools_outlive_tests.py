"""Thread pools that are wider than a test: their workers end with the run that started them, and are not counted on."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("strategy", ["auto", "stress"])
def test_every_test_gets_workers(pytester: pytest.Pytester, strategy: str) -> None:
    pytester.makepyfile(
        """
        from concurrent.futures import ThreadPoolExecutor

        import pytest

        POOL = ThreadPoolExecutor(2)

        @pytest.fixture(scope="module")
        def pool():
            with ThreadPoolExecutor(2) as pool:
                yield pool

        @pytest.mark.race(interleavings=20)
        def test_fixture(pool):
            assert list(pool.map(abs, [-1, -2, -3])) == [1, 2, 3]

        @pytest.mark.race(interleavings=20)
        def test_module():
            assert POOL.submit(abs, -1).result() == 1

        def test_uncontrolled(pool):
            assert pool.submit(abs, -1).result(timeout=10) == 1
            assert POOL.submit(abs, -1).result(timeout=10) == 1

        @pytest.mark.race(interleavings=20)
        def test_workers_from_outside(pool):
            assert pool.submit(abs, -1).result() == 1
        """
    )
    result = pytester.runpytest_subprocess("-p", "racecheck", f"--racecheck-strategy={strategy}", timeout=60)
    result.assert_outcomes(passed=4)
