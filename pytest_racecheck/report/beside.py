"""What was found beside the test's own checks, and in which orders lines met: for those who ask with -v."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from pytest_racecheck.report.files import short_files
from pytest_racecheck.report.terminal import clean

if TYPE_CHECKING:
    from pytest_racecheck.report.model import CodeLine, Coverage, Finding, TestResult

#: With -v; -vv shows all.
_FINDINGS_SHOWN: Final = 10
_PAIRS_SHOWN: Final = 5


def render_beside(result: TestResult, verbosity: int) -> Iterator[str]:
    """Lines about one test. What a test fails on by itself has a report of its own, which lists its data races."""
    everything = verbosity > 1
    findings = result.findings if result.failure is None or result.failure.finding is not None else []
    shown = len(findings) if everything else _FINDINGS_SHOWN
    yield from map(_finding, findings[:shown])
    if len(findings) > shown:
        yield f"{len(findings) - shown} more findings (-vv shows them)"
    if result.coverage is not None:
        yield from _coverage(result.coverage, result.interleavings, len(result.coverage.pairs) if everything else None)


def unused(suppressions: Collection[str], results: Sequence[TestResult]) -> Iterator[str]:
    """A line for each suppression that no finding of the session matched."""
    used = {finding.suppressed for result in results for finding in result.findings}
    for line in suppressions:
        if line not in used:
            yield f"warning: racecheck_suppressions: {clean(line)!r} matches nothing that was found; remove it"


def _finding(finding: Finding) -> str:
    text = clean(finding.text)
    if finding.suppressed:
        return f"suppressed ({clean(finding.suppressed)}): {text}"
    return f"note: {text} ({clean(finding.harmless)})" if finding.harmless else text


def _coverage(coverage: Coverage, interleavings: int, shown: int | None) -> Iterator[str]:
    part = "" if coverage.watched >= interleavings else f" (in {coverage.watched} of {interleavings} interleavings)"
    pairs = f"{coverage.both} {'pair' if coverage.both == 1 else 'pairs'} seen in both orders"
    yield f"lines that touch the same: {pairs}, {coverage.one} in one order only{part}"
    one = [pair for pair in coverage.pairs if not pair.both]
    names = short_files({line.file for pair in one for line in (pair.first, pair.second)})
    shown = _PAIRS_SHOWN if shown is None else shown
    for pair in one[:shown]:
        yield f"  {clean(pair.resource)}: {_place(pair.first, names)} only before {_place(pair.second, names)}"
    if len(one) > shown:
        yield f"  {len(one) - shown} more (-vv shows them)"


def _place(line: CodeLine, names: dict[str, str]) -> str:
    return f"{clean(names[line.file])}:{line.line}"
