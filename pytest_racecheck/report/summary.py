"""The section of the terminal summary: what was run, what was found, and how outcomes were distributed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_racecheck.report.beside import render_beside, unused
from pytest_racecheck.report.outcomes import render_table
from pytest_racecheck.report.terminal import clean, encodable, first_line

if TYPE_CHECKING:
    from pytest_racecheck.report.model import Failure, TestResult

#: Good news first, then the rest from plain to odd; the order in which verdicts are counted.
_VERDICTS: Final = ("proved", "passed", "race", "deadlock", "hang", "serial-failure", "nondeterministic")
_GOOD: Final = frozenset({"proved", "passed"})


class Line(NamedTuple):
    """One line, with the markup that pytest's terminal writer understands."""

    text: str
    markup: dict[str, bool] = {}  # noqa: RUF012 - read only


def render_summary(
    results: Sequence[TestResult],
    verbosity: int = 0,
    encoding: str = "utf-8",
    suppressions: Sequence[str] = (),
) -> list[Line]:
    """The lines of the section. Failing tests have one each; with ``verbosity``, pytest's ``-v`` count, all tests do.

    ``suppressions``: those that should have been of use in this session.
    Text from the tests is made harmless for terminals, and nothing is used that ``encoding`` lacks.
    """
    lines = [_totals(results)]
    shown = [result for result in results if verbosity > 0 or result.verdict not in _GOOD or _was_asked_for(result)]
    width = max((len(result.verdict) for result in shown), default=0)
    for result in shown:
        lines += _test(result, width, verbosity)
    if verbosity > -2:
        for result in results:
            lines += (
                Line(f"warning: {clean(result.nodeid)} {clean(warning)}", {"yellow": True})
                for warning in result.warnings
            )
        lines += (Line(text, {"yellow": True}) for text in unused(suppressions, results))
        for result in results:
            if result.outcomes:
                lines.append(Line(""))
                lines += map(Line, render_table(result.nodeid, result.outcomes, encoding))
    return [Line(encodable(text, encoding), markup) for text, markup in lines]


def _totals(results: Sequence[TestResult]) -> Line:
    runs = sum(result.interleavings for result in results)
    seconds = sum(result.seconds for result in results)
    verdicts = Counter(str(result.verdict) for result in results)
    counted = ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in _VERDICTS if verdicts[verdict])
    rate = f" ({runs / seconds:,.0f}/s)" if seconds > 0 else ""
    text = f"{_number(len(results), 'test')}, {_number(runs, 'interleaving')} in {seconds:.2f} s{rate}: {counted}"
    return Line(text, {"green": True} if verdicts.keys() <= _GOOD else {"red": True})


def _was_asked_for(result: TestResult) -> bool:
    """Whether a proof or a replay was asked for: then what came of it is news, good or not."""
    return result.strategy in ("exhaustive", "replay")


def _test(result: TestResult, width: int, verbosity: int) -> Iterator[Line]:
    good = result.verdict in _GOOD
    text = f"{result.verdict.ljust(width)}  {clean(result.nodeid)}: {_passed(result) if good else _failed(result)}"
    yield Line(text, {"green" if good else "red": True})
    if verbosity > 0 or (good and result.verdict != "proved"):
        for note in result.notes:
            yield Line(f"{' ' * width}  {clean(note)}")
    if verbosity > 0:
        for text in render_beside(result, verbosity):
            yield Line(f"{' ' * width}  {text}")


def _passed(result: TestResult) -> str:
    if result.verdict == "proved":
        if result.distinct == 1:
            return "the only interleaving passes"
        return f"all {result.distinct:,} inequivalent interleavings pass"
    distinct = f", {result.distinct:,} distinct" if 0 < result.distinct < result.interleavings else ""
    return f"{_number(result.interleavings, 'interleaving')}{distinct}, {result.per_second:,.0f}/s"


def _failed(result: TestResult) -> str:
    where = ""
    if result.first_failure is not None and result.verdict != "serial-failure":
        where = f"interleaving {result.first_failure:,} of {result.requested:,}"
    if result.failure is None:  # a condition that had to hold somewhere held nowhere
        return f"never true: {clean(', '.join(result.sometimes))}"
    headline = _headline(result.failure)
    return f"{where}: {headline}" if where else headline


def _headline(failure: Failure) -> str:
    message, exception = first_line(failure.message), clean(failure.exception)
    speaks_for_itself = failure.kind not in ("race", "serial-failure") or failure.finding is not None
    if not exception or (message and (speaks_for_itself or exception == "AssertionError")):
        return message
    return f"{exception}: {message}" if message else exception


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def render_unexplored(reasons: dict[str, list[str]], verbosity: int = 0, encoding: str = "utf-8") -> list[str]:
    """Tests that ``--racecheck-all`` left alone, by the reason; ``verbosity`` 1 names them all."""
    total = sum(map(len, reasons.values()))
    lines = [f"{_number(total, 'test')} not explored, but run as ever{'' if verbosity > 0 else ' (-v names them)'}:"]
    kinds: dict[str, list[str]] = {}
    for reason, nodeids in reasons.items():
        kind, _, details = reason.partition(" (")
        kinds.setdefault(kind, []).extend(f"{nodeid}{f' ({details}' if details else ''}" for nodeid in nodeids)
    for kind, tests in sorted(kinds.items(), key=lambda item: -len(item[1])):
        lines.append(f"  {len(tests):,}: {clean(kind)}")
        if verbosity > 0:
            lines += (f"    {clean(test)}" for test in tests)
    return [encodable(line, encoding) for line in lines]
