"""A worker of pytest-xdist that had to end in the midst of a test: how its last words reach the controller."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from pytest_racecheck.report.model import TestResult

#: Under this key the controller tells its workers the folder for last words.
_FOLDER: Final = "racecheck_last_words"


def tell_controller(config: pytest.Config, result: TestResult, text: str) -> None:
    """In a worker that is about to end: leaves the result of the test that it ends in."""
    entry: dict[str, Any] = config.workerinput  # type: ignore[attr-defined]
    folder = entry.get(_FOLDER)
    if folder is not None:
        path = Path(folder) / f"{entry['workerid']}.json"
        path.write_text(json.dumps({"text": text, "result": result.to_json()}), encoding="utf-8")


class LostWorkers:
    """In the controller."""

    def __init__(self) -> None:
        self._folder: str | None = None

    @pytest.hookimpl(optionalhook=True)  # of pytest-xdist, as the next one
    def pytest_configure_node(self, node: Any) -> None:
        """A worker is about to be started."""
        if self._folder is None:
            self._folder = tempfile.mkdtemp(prefix="racecheck-")
        node.workerinput[_FOLDER] = self._folder

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_handlecrashitem(self, report: Any) -> None:
        """A worker is gone: if that was because of a hang, the report of the test says so."""
        if self._folder is None:
            return
        path = Path(self._folder) / f"{report.node.gateway.id}.json"
        if path.exists():
            words = json.loads(path.read_text(encoding="utf-8"))
            report.longrepr = f"{words['text']}\n{report.longrepr}"
            report.racecheck = words["result"]

    def pytest_unconfigure(self) -> None:
        """The folder goes with the session."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
