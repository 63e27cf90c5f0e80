"""Sessions with one foreign plugin each: what others have installed is not loaded unless a test asks for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(autouse=True)
def only_racecheck(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inner sessions load no other plugins unless told so."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p racecheck -p no:cacheprovider")
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT"):  # the inner session is no worker
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def results(pytester: pytest.Pytester) -> Callable[..., dict[str, Any]]:
    """The JSON report ``out.json`` by test name, without what depends on the moment."""

    def read() -> dict[str, Any]:
        tests = json.loads((pytester.path / "out.json").read_text())["tests"]
        for test in tests:
            del test["seconds"], test["per_second"]
        return {test["nodeid"].partition("::")[2]: test for test in tests}

    return read
