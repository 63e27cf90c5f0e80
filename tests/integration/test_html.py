"""pytest-html: the page has racecheck's section of a failing test."""

from __future__ import annotations

import pytest

from tests.integration.sources import RACE

pytest.importorskip("pytest_html")


def test_the_page_has_the_lanes(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(RACE)
    result = pytester.runpytest_subprocess(
        *("-p", "pytest_html.plugin", "-p", "pytest_html.fixtures", "-p", "pytest_metadata.plugin"), "--html=page.html"
    )
    result.assert_outcomes(passed=2, failed=1)
    page = (pytester.path / "page.html").read_text()
    assert "--racecheck-replay=rc1-" in page
    assert "preempted" in page
