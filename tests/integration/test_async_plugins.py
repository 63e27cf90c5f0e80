"""pytest-asyncio and anyio: sync tests are unharmed by them, async ones by racecheck."""

from __future__ import annotations

import pytest

from tests.integration.sources import RACE

ASYNC = """
    import asyncio

    async def test_async():
        await asyncio.sleep(0.01)

    @pytest.mark.race(interleavings=3)
    def test_loop_in_a_thread(racecheck):
        racecheck.run(lambda: asyncio.run(asyncio.sleep(0.01)), lambda: None)
"""


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("pytest_asyncio", ("-p", "pytest_asyncio.plugin", "--asyncio-mode=auto")),
        ("anyio", ("-p", "anyio.pytest_plugin", "-o", "anyio_mode=auto")),
    ],
)
def test_sync_tests_are_unharmed(pytester: pytest.Pytester, module: str, arguments: tuple[str, ...]) -> None:
    pytest.importorskip(module)
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    pytester.makeconftest("import pytest\n@pytest.fixture\ndef anyio_backend(): return 'asyncio'")  # trio or not
    pytester.makepyfile(RACE + ASYNC)
    result = pytester.runpytest(*arguments)
    result.assert_outcomes(passed=4, failed=1)
    result.stdout.fnmatch_lines(["race *::test_bad: interleaving *"])
    result = pytester.runpytest(*arguments, "--racecheck-all", "-k", "async or plain")
    result.assert_outcomes(passed=2, deselected=3)
    result.stdout.fnmatch_lines(["  1: async tests are not supported yet; *"])
