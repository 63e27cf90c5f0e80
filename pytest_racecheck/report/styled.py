"""Lines made of spans: text with the part that it plays, which becomes a colour where the terminal has any."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from pytest_racecheck.report.terminal import cells, clip

#: What a part of a line is, with the parameters of the escape sequence that shows it. Colours mean what they mean in
#: pytest: red for what failed, bold for what to look at first.
_CODES: Final = {
    "": "",
    "title": "1;31",
    "heading": "1",
    "thread": "1;36",
    "mark": "1;33",
    "value": "33",
    "switch": "36",
    "error": "31",
    "advice": "32",
    "dim": "2",
}


class Span(NamedTuple):
    """A piece of a line; ``style`` is one of those above."""

    text: str
    style: str = ""


Line = list[Span]


def line(text: str, style: str = "") -> Line:
    """A line of one span."""
    return [Span(text, style)]


def lines(texts: Iterable[str], style: str = "") -> list[Line]:
    """Lines of one span each."""
    return [line(text, style) for text in texts]


def width_of(parts: Line) -> int:
    """How many columns of a terminal it takes."""
    return sum(cells(span.text) for span in parts)


def fit(parts: Line, width: int, dots: str) -> Line:
    """The line in at most ``width`` cells."""
    if width_of(parts) <= width:
        return parts
    kept: Line = []
    room = width
    for number, span in enumerate(parts):
        more = any(each.text for each in parts[number + 1 :])
        if cells(span.text) > room or (more and cells(span.text) > room - len(dots)):
            # The dots that stand for all that follows belong to the last piece that is shown.
            short = clip(span.text + ("." * (room + 1)), room, dots)
            return [*kept, Span(short, span.style)]
        kept.append(span)
        room -= cells(span.text)
    return kept


def filled(parts: Line, width: int) -> Line:
    """The line with blanks up to ``width`` cells."""
    return [*parts, Span(" " * (width - width_of(parts)))]


def written(parts: Line, *, colour: bool) -> str:
    """The line as text, without blanks at its end."""
    while parts and not parts[-1].text.strip():
        parts = parts[:-1]
    if not colour:
        return "".join(span.text for span in parts).rstrip()
    return "".join(
        f"\x1b[{_CODES[span.style]}m{span.text}\x1b[0m" if span.style and span.text else span.text for span in parts
    )
