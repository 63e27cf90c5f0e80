"""The part of a traceback that belongs to the reader: from the first frame on that is no machinery."""

from __future__ import annotations

from types import TracebackType
from typing import Final

_MACHINERY: Final = (
    *("pytest_racecheck.", "_pytest.", "pluggy.", "threading.", "concurrent.futures.", "unittest."),
    *("hypothesis.", "hypothesis_temporary_module_"),
)
_OURS_TO_SHOW: Final = "pytest_racecheck.tutorial."


def without_machinery(failure: BaseException) -> BaseException:
    """``failure`` with a traceback that starts in the test or in the function that a thread runs.

    Left as it is when nothing would remain.
    """
    entry: TracebackType | None = failure.__traceback__
    while entry is not None and _is_machinery(entry):
        entry = entry.tb_next
    return failure if entry is None else failure.with_traceback(entry)


def _is_machinery(entry: TracebackType) -> bool:
    module = f"{entry.tb_frame.f_globals.get('__name__', '')}."
    return module.startswith(_MACHINERY) and not module.startswith(_OURS_TO_SHOW)
