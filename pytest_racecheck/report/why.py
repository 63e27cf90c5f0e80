"""Why it happened: the accesses that clash, what each held, and how they came to be so close."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_racecheck.report.styled import Line, Span, line
from pytest_racecheck.report.terminal import clean, short_function

if TYPE_CHECKING:
    from pytest_racecheck.report.layout import Layout
    from pytest_racecheck.report.model import AccessReport, DataRace, Failure

_CALLERS_SHOWN: Final = 2  # -v shows all
_DID: Final = {
    "read": "read",
    "write": "wrote",
    "update": "changed",
    "notify": "notified",
    "block": "waited",
    "acquire": "acquired",
}


def render_why(failure: Failure, layout: Layout) -> list[Line]:
    """The pattern by name, and what there is to say about it."""
    if not failure.clash:
        return render_sentences(failure, layout)
    on = f"on {clean(failure.clash_on)}"
    what = f"{clean(failure.cause)} {on}" if failure.cause else f"accesses {on} clash"
    title = layout.paragraph(f"why: {what}", "heading")
    return [*title, *render_sentences(failure, layout), *render_clash(failure, layout)]


def render_sentences(failure: Failure, layout: Layout) -> list[Line]:
    """Whole sentences about the cause, and what to do about it."""
    found = [each for sentence in failure.details for each in layout.paragraph(f"  {clean(sentence)}")]
    return found + [each for advice in failure.advice for each in layout.paragraph(f"  {clean(advice)}", "advice")]


def render_clash(failure: Failure, layout: Layout) -> list[Line]:
    """The accesses that clash, in the order in which they happened."""
    return [each for access in failure.clash for each in _access(access, layout)]


def render_data_races(failure: Failure, layout: Layout) -> list[Line]:
    """Unordered pairs; without -v only where nothing better is known: others than those that clash may be harmless."""
    if failure.clash and not layout.verbose:
        return []
    return [each for race in failure.data_races for each in _data_race(race, layout)]


def _data_race(race: DataRace, layout: Layout) -> list[Line]:
    found = layout.paragraph(f"data race on {clean(race.resource)}: nothing orders these two accesses", "heading")
    for access in (race.first, race.second):
        found += _access(access, layout)
    return found


def _access(access: AccessReport, layout: Layout) -> list[Line]:
    what = f" `{layout.source(access.source)}`" if access.source else ""
    values = _values(access, layout)
    function = f" in {clean(short_function(access.stack[-1].function))}" if access.stack else ""
    holds = f"holding {clean(', '.join(access.holds))}" if access.holds else "holding no lock"
    did = _DID.get(access.operation, clean(access.operation))
    text = (
        f"  {clean(access.thread)} {did}{what}{values} at {layout.place(access.file, access.line)}{function}, {holds}"
    )
    callers = access.stack[-2::-1]
    shown = callers if layout.verbose else callers[:_CALLERS_SHOWN]
    found = layout.paragraph(text, indent="     ")
    for frame in shown:
        where = f"     from {layout.place(frame.file, frame.line)} in {clean(short_function(frame.function))}"
        found += [layout.fitted([Span(where, "dim")])]
    if len(callers) > len(shown):
        found.append(line(f"     {layout.symbols.dots} {len(callers) - len(shown)} more calls (-v shows them)", "dim"))
    return found


def _values(access: AccessReport, layout: Layout) -> str:
    if access.before is None:
        return ""
    before = layout.value(access.before)
    return (
        f" ({before})" if access.after is None else f" ({before} {layout.symbols.arrow} {layout.value(access.after)})"
    )
