"""Whether this session is one that can tell which lines of ``racecheck_suppressions`` are of no use any longer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from pytest_racecheck.report.model import TestResult

_GOOD: Final = frozenset(("passed", "proved"))

#: Options that leave tests out.
_SELECTING: Final = ("keyword", "markexpr", "lf", "deselect", "racecheck_replay", "stepwise")


def can_tell(config: pytest.Config, results: Sequence[TestResult]) -> bool:
    """Only if all tests were to run and did, and no search ended early because its test failed."""
    session: Any = config.pluginmanager.get_plugin("session")
    stopped = session is not None and (session.shouldstop or session.shouldfail)
    selected = any(config.getoption(name, None) for name in _SELECTING) or any("::" in each for each in config.args)
    return not (stopped or selected) and all(result.verdict in _GOOD for result in results)
