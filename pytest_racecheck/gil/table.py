"""The section of the terminal summary: a row, a bar and a line of advice for each measured test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from pytest_racecheck.report.summary import Line
from pytest_racecheck.report.terminal import cells, clean, clip, encodable, pad, place, symbols_for, wrap

if TYPE_CHECKING:
    from pytest_racecheck.gil.model import Measurement

#: The shares in the order of the bar: field, letter in the bar, its name, and what it means.
SHARES: Final = (
    ("computing", "#", "computing", "computing"),
    ("gil", "G", "GIL", "waiting for the GIL"),
    ("locks", "L", "locks", "for locks"),
    ("processor", "P", "processor", "for a processor"),
    ("io", ".", "I/O", "for I/O or time"),
    ("signals", "-", "signals", "for each other"),
)

_HEADINGS: Final = ("threads", "serial s", "threaded s", "speed-up", "ideal", "CPU use")
_NUMBERS: Final = sum(map(len, _HEADINGS)) + 2 * len(_HEADINGS)
_VERDICT: Final = 2 + len("hand-off-bound")
_NAME: Final = 24  # the least room for a name beside its numbers
_BAR: Final = 40


def render(rows: Sequence[Measurement], width: int, verbosity: int = 0, encoding: str = "utf-8") -> list[Line]:
    """The lines of the section, in at most ``width`` cells; nothing is used that ``encoding`` lacks.

    With ``verbosity``, pytest's ``-v`` count, also the lines that held the GIL, and how sure each verdict is.
    """
    dots = symbols_for(encoding).dots
    beside = width - _NUMBERS - _VERDICT
    name_width = min(max((cells(clean(row.name)) for row in rows), default=0), beside) if beside >= _NAME else 2
    lines = [Line(text) for text in wrap(_about(rows[0]), width, "  ")]
    legend = "bar: " + ", ".join(f"{letter} {words}" for _, letter, _, words in SHARES)
    lines += map(Line, wrap(legend, width, "  "))
    lines.append(Line(clip(f"{' ' * name_width}  {'  '.join(_HEADINGS)}  verdict", width, dots), {"bold": True}))
    for row in rows:
        lines += _row(row, name_width, width, dots)
        lines += _below(row, width, verbosity)
    return [Line(encodable(text, encoding), markup) for text, markup in lines]


def _about(row: Measurement) -> str:
    build = ", free-threaded" if row.free_threaded else ""
    text = (
        f"{row.python}{build}, {row.cores} cores, switch interval {row.switch_interval * 1000:g} ms; shares: {row.tier}"
    )
    return f"{text} ({clean(row.tier_reason)})" if row.tier_reason else text


def _row(row: Measurement, name_width: int, width: int, dots: str) -> Iterator[Line]:
    markup = {"green": True} if row.verdict in ("parallel", "I/O-bound") else {"yellow": True}
    if row.limits:
        markup = {"red": True}
    name = clean(row.name)
    if name_width < _NAME and cells(name) > name_width:
        yield Line(clip(name, width, dots))
        name = ""
    cell = [
        f"{row.threads}",
        *("-" if each is None else f"{each:.{digits}f}" for each, digits in _figures(row)),
    ]
    numbers = "  ".join(text.rjust(len(heading)) for text, heading in zip(cell, _HEADINGS, strict=True))
    yield Line(clip(f"{pad(_tail(name, name_width, dots), name_width)}  {numbers}  {row.verdict}", width, dots), markup)


def _figures(row: Measurement) -> list[tuple[float | None, int]]:
    digits = 2 if (row.threaded or 1.0) >= 0.1 else 3
    return [(row.serial, digits), (row.threaded, digits), (row.speedup, 2), (row.ideal, 1), (row.cpu_use, 2)]


def _tail(text: str, width: int, dots: str) -> str:
    """The end of a name says more than its beginning."""
    if cells(text) <= width:
        return text
    while text and cells(text) > width - len(dots):
        text = text[1:]
    return dots + text


def _below(row: Measurement, width: int, verbosity: int) -> Iterator[Line]:
    shares = [(letter, words, getattr(row.shares, name)) for name, letter, words, _ in SHARES]
    if row.threaded:
        drawn = bar([(letter, share) for letter, _, share in shares], min(_BAR, max(10, width // 2 - 4)))
        told = ", ".join(f"{words} {share:.0%}" for _, words, share in shares if share >= 0.01)
        yield from map(Line, wrap(f"  {drawn}  {told}", width, "    "))
    yield from map(Line, wrap(f"  {clean(row.advice)}", width, "    "))
    for limit in row.limits:
        yield Line(f"  {clean(limit)}", {"red": True})
    if not row.runs:
        return
    if verbosity <= 0:
        if row.confidence != "high" and row.verdict != "inconclusive":
            yield Line(f"  confidence {row.confidence}")
        return
    runs = f"{row.runs} run{'' if row.runs == 1 else 's'} together in {row.seconds:.1f} s"
    yield Line(f"  confidence {row.confidence}: {row.tier}, {runs}")
    if row.hot_lines:
        yield Line("  lines that held the GIL:")
    for hot in row.hot_lines:
        where = place(hot.file, hot.line, max(20, width - 40), "...")
        yield Line(clip(f"    {hot.share:4.0%}  {where}  {clean(hot.function)}", width, "..."))
    if row.hot_lines_reason:
        yield from map(
            Line, wrap(f"  lines that held the GIL: not known, {clean(row.hot_lines_reason)}", width, "    ")
        )


def bar(parts: Sequence[tuple[str, float]], width: int) -> str:
    """Letters in proportion to the shares, ``width`` in all; what is not nothing gets at least one."""
    total = sum(share for _, share in parts)
    if total <= 0:
        return ""
    counts = [max(1, int(share / total * width)) if share / total >= 0.01 else 0 for _, share in parts]
    left = width - sum(counts)
    largest = max(range(len(parts)), key=lambda each: parts[each][1])
    counts[largest] = max(1, counts[largest] + left)
    return "".join(letter * count for (letter, _), count in zip(parts, counts, strict=True))
