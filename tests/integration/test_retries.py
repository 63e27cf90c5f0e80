"""flaky and pytest-retry: marked tests are not run again because they failed; that would hide races."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.sources import RACE

FLAKY = """
    @pytest.mark.race
    @pytest.mark.flaky
    def test_flaky_and_bad():
        assert False

    runs = []

    @pytest.mark.flaky
    def test_second_time():
        runs.append(1)
        assert len(runs) == 2
"""


@pytest.mark.parametrize(
    ("module", "plugin", "arguments"),
    [
        ("flaky", "flaky.flaky_pytest_plugin", ["--force-flaky", "--max-runs=3"]),
        ("pytest_retry", "pytest_retry.retry_plugin", ["--retries=2"]),
    ],
)
def test_only_what_is_not_marked_is_run_again(
    pytester: pytest.Pytester, results: Callable[[], dict[str, Any]], module: str, plugin: str, arguments: list[str]
) -> None:
    pytest.importorskip(module)
    pytester.makepyfile(RACE + FLAKY)
    pytester.makeconftest(
        """
        def pytest_runtest_setup(item):
            with open("ran.txt", "a") as file: print(item.name, file=file)
        """
    )
    for number, options in enumerate(([], arguments), 1):
        result = pytester.runpytest_subprocess("-p", plugin, "--racecheck-json=out.json", *options)
        result.assert_outcomes(passed=3, failed=2)
        found = results()
        assert {name: test["verdict"] for name, test in found.items()} == {
            "test_bad": "race",
            "test_good": found["test_good"]["verdict"],
            "test_flaky_and_bad": "serial-failure",
        }
        ran = Counter((pytester.path / "ran.txt").read_text().split())
        assert [ran["test_bad"], ran["test_flaky_and_bad"], ran["test_second_time"]] == [number, number, 2 * number]
