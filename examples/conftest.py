"""What the examples in this folder have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Those that measure take some seconds each: run them by ``--gil-report``, or by their name."""
    return True if collection_path.name == "gil" and not config.getoption("--gil-report") else None
