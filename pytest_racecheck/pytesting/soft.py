"""Checks of pytest-check that fail without an exception: the interleaving in which one does has failed.

Otherwise only the report of the whole test would fail, with what all interleavings left, and the search would go on.
"""

from __future__ import annotations

import sys
from typing import Any


class FailedChecksError(AssertionError):
    """Has no traceback worth showing: what failed says where."""


def begin() -> None:
    """A new interleaving: what failed in others is theirs."""
    log = _log()
    if log is not None:
        log.clear_failures()


def end() -> None:
    """The body has ended without an exception: raise what its checks noted.

    They stay noted: the plugin puts those of the last interleaving on the report.
    """
    __tracebackhide__ = True
    log = _log()
    failures = [] if log is None else log.get_failures()
    if failures:
        raise FailedChecksError("\n".join(map(str, failures)))


def _log() -> Any:
    log = sys.modules.get("pytest_check.check_log")
    return log if hasattr(log, "get_failures") and hasattr(log, "clear_failures") else None
