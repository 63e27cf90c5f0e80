"""The outcome table: what ``racecheck.outcome`` recorded, and how often."""

from __future__ import annotations

from typing import Final

from pytest_racecheck.report.terminal import cells, clean, clip, encodable, pad, symbols_for

_MAX_OUTCOME: Final = 60


def render_table(nodeid: str, outcomes: list[tuple[str, int]], encoding: str = "utf-8") -> list[str]:
    """Lines for the terminal summary: outcome, number of interleavings, share of all of them in percent.

    The most frequent outcome comes first. No lines when nothing was recorded.
    """
    if not outcomes:
        return []
    dots = symbols_for(encoding).dots
    total = sum(number for _, number in outcomes)
    rows = [("outcome", "interleavings", "share")]
    for outcome, number in sorted(outcomes, key=lambda each: -each[1]):
        rows.append((clip(clean(outcome), _MAX_OUTCOME, dots), f"{number:,}", share(number, total)))
    first, second, third = (max(cells(row[column]) for row in rows) for column in range(3))
    lines = [f"  {pad(name, first)}  {number:>{second}}  {share:>{third}}" for name, number, share in rows]
    return [encodable(line, encoding) for line in [f"outcomes of {clean(nodeid)}", *lines]]


def share(number: int, total: int) -> str:
    """Never "0.0 %" of something that did happen, nor "100.0 %" of something that did not always."""
    if 0 < number * 1000 < total:
        return "< 0.1 %"
    if number < total < number * 1000 / 999.5:
        return "> 99.9 %"
    return f"{100 * number / total if total else 0:.1f} %"
