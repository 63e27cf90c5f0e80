"""The JSON report: one object for a session, the same whether it ran in one process or in many."""

from __future__ import annotations

import json
import platform
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pytest_racecheck.report import whole_file

#: Raised when a field changes its meaning or goes; fields that are added don't count.
SCHEMA: Final = 1


def document(tests: Sequence[dict[str, Any]], gil: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """The whole report; ``tests`` are results as ``TestResult.to_json`` makes them.

    ``gil`` are measurements, as ``Measurement.to_json`` makes them; without any, the report does not speak of them.
    """
    measured = {"gil": list(gil)} if gil else {}
    return {
        "schema": SCHEMA,
        "python": platform.python_version(),
        "free_threaded": is_free_threaded(),
        "tests": list(tests),
        **measured,
    }


def write(path: Path, tests: Sequence[dict[str, Any]], gil: Sequence[dict[str, Any]] = ()) -> None:
    """Write the report to ``path``, whose folders are made, all at once: a reader never sees half of it.

    OSError when the file can't be written.
    """
    text = json.dumps(document(tests, gil), indent=2, ensure_ascii=False, allow_nan=False)
    whole_file.write(path, f"{text}\n")


def is_free_threaded() -> bool:
    """Whether threads run in parallel in this process: a free-threaded build whose GIL is off."""
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        return False
    enabled = getattr(sys, "_is_gil_enabled", None)
    return enabled is not None and not enabled()
